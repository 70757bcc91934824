-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local json = require "stentor.json"

describe("json", function()
  it("keeps what it reads", function()
    for _, text in ipairs { "[]", "{}", '{"a":[],"b":{}}', "[[],[[]],{}]",
      '{"a":[1,2,{"b":null}]}', '"[]"', '{"[":"\\"[]","b":[]}', "null", "true",
      "0.07", "1700000000123456", "-1.5e-07", '["\\u0001\\n\\""]', '"ü€😀"',
      "9007199254740992" } do
      local value, why = json.decode(text)
      assert.is_nil(why)
      assert.are.equal(text, json.encode(value))
    end
  end)

  it("writes keys in order", function()
    assert.are.equal('{"a":1,"b":2,"c":{"x":1,"y":2}}',
      json.encode { c = { y = 2, x = 1 }, b = 2, a = 1 })
    assert.are.equal('{"42":"x"}', json.encode { [42] = "x" })
  end)

  it("says what JSON cannot", function()
    local rows = {
      { 0 / 0, "JSON cannot say" }, { 1 / 0, "JSON cannot say" },
      { { 1, 2, nil, 4 }, "holes" }, { { 1, a = 2 }, "other keys" },
      { { f = print }, "function" }, { { [{}] = 1 }, "key" },
    }
    local loop = {}
    loop.loop = loop
    rows[#rows + 1] = { loop, "in itself" }
    for _, row in ipairs(rows) do
      local ok, why = pcall(json.encode, row[1])
      assert.is_false(ok)
      assert.matches(row[2], why, 1, true)
    end
  end)

  it("answers nil and why for text that is none", function()
    for _, text in ipairs { "", "{", "[1,]", "nul", '{"a":[],}', "[[]",
      ("["):rep(200) .. ("]"):rep(200), '"', "NaN", "[] x", '{"a":[1e999]}', "-1E+400",
      ("9"):rep(400), "[1]\0", '{"a":"\0"}', "1\0[2]" } do
      local value, why = json.decode(text)
      assert.is_nil(value)
      assert.is_string(why)
    end
    assert.is_string(select(2, json.decode(nil)))
  end)

  it("takes from a client what still fits into other tables", function()
    local function nested(depth) return ("["):rep(depth) .. ("]"):rep(depth) end
    local value = json.decode_given(nested(90))
    assert.are.equal('{"a":{"b":' .. nested(90) .. "}}", json.encode { a = { b = value } })
    assert.is_nil(json.decode_given(nested(91)))
    assert.is_table(json.decode(nested(100)))
  end)
end)
