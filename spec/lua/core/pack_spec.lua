-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local ffi = require "ffi"
local json = require "stentor.json"
local pack = require "stentor.core.pack"

describe("pack", function()
  local writer = pack.writer(ffi)

  local function reader()
    local bytes, size = writer.bytes()
    return pack.reader(ffi, ffi.string(bytes, size), size), size
  end

  local function through(value)
    writer.reset()
    local whole = writer.value(value)
    return (reader()).value(), whole
  end

  it("gives numbers back bit for bit", function()
    local numbers = { 0, -0.0, 1 / 3, 2 ^ 53 + 2, 5e-324, -1.7976931348623157e308, math.huge,
      -math.huge }
    for _, number in ipairs(numbers) do
      assert.equal(number, (through(number)))
      assert.equal(1 / number, 1 / through(number)) -- also the sign of zero
    end
    local nan = through(0 / 0)
    assert.is_true(nan ~= nan)
  end)

  it("gives texts back byte for byte", function()
    for _, text in ipairs { "", "a\0b", ("\255"):rep(100000) } do
      assert.equal(text, (through(text)))
    end
  end)

  it("keeps the kinds of values apart", function()
    assert.same({ a = { 1, "1", true, { b = false } }, [3] = "x", [true] = 0 },
      (through { a = { 1, "1", true, { b = false } }, [3] = "x", [true] = 0 }))
    assert.is_nil((through(nil)))
    assert.equal(json.null, through({ a = json.null }).a)
    assert.equal("[]", json.encode((through(json.list {}))))
    assert.equal("{}", json.encode((through {})))
  end)

  it("leaves out what is no plain data, and says so", function()
    local value, whole = through { 1, f = print, [print] = 2, b = { c = coroutine.create(print) } }
    assert.same({ 1, b = {} }, value)
    assert.is_false(whole)
    local circle = {}
    circle.itself = circle
    assert.is_false(select(2, through(circle)))
    assert.is_true(select(2, through { 1, { 2 } }))
  end)

  it("throws when there is less to read than asked for", function()
    writer.reset()
    writer.text "some text"
    local bytes, size = writer.bytes()
    local copy = ffi.string(bytes, size)
    for cut = 0, size - 1 do
      assert.error_matches(pack.reader(ffi, copy, cut).text, "ends too early")
    end
    writer.reset()
    writer.number(-1)
    assert.error_matches((reader()).text, "ends too early")
    assert.error_matches(pack.reader(ffi, "\99", 1).value, "is no value")
  end)

  it("is the identity on random values", function()
    math.randomseed(11)
    local function random(depth)
      local dice = math.random(depth > 4 and 4 or 6)
      if dice == 1 then return math.random() * 10 ^ math.random(-300, 300) end
      if dice == 2 then return math.random(2) == 1 end
      if dice <= 4 then return ("x"):rep(math.random(0, 40)) .. math.random(100) end
      local value = {}
      for _ = 1, math.random(0, 5) do
        value[dice == 5 and #value + 1 or "k" .. math.random(9)] = random(depth + 1)
      end
      return value
    end
    for _ = 1, 500 do
      local value = random(0)
      local again, whole = through(value)
      assert.same(value, again)
      assert.is_true(whole)
    end
  end)
end)
