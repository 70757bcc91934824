-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local key = require "stentor.key"

describe("a key", function()
  it("is a path into the data", function()
    local event = { data = { payload = { user = "eva", n = 7 }, list = { "x" } } }
    assert.are.equal("eva", key.new("payload.user")(event))
    assert.are.equal("7", key.new("payload.n")(event))
    assert.are.equal("x", key.new("list.1")(event))
    assert.is_nil(key.new("payload.user.name")(event))
    assert.is_nil(key.new("payload")(event))
    assert.is_nil(key.new("a")({ data = "text" }))
  end)

  it("or a function of the event", function()
    assert.are.equal("x!", key.new(function(event)
      return event.data .. "!"
    end)({ data = "x" }))
  end)

  it("knows a path when it sees one", function()
    assert.is_true(key.is_path("a.b"))
    for _, text in ipairs { "", "a..b", ".a", "a.", "a b" } do
      assert.is_false(key.is_path(text))
    end
  end)
end)
