-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local names = require "stentor.names"

describe("names", function()
  it("have literals, parameters and a rest", function()
    local name = assert(names.channel("shop/:id/*rest"))
    assert.same({ "id", "rest" }, name.params)
    assert.are.equal("shop/:/*", name.shape)
  end)

  it("of routes begin with a method", function()
    local name = assert(names.route("GET /jobs/:id"))
    assert.are.equal("GET", name.method)
    assert.are.equal("/jobs/:id", name.path)
    assert.are.equal("GET /jobs/:", name.shape)
  end)

  it("say what is wrong with them", function()
    local rows = {
      { "channel", "", "must be a text" },
      { "channel", "a//b", "empty segment" },
      { "channel", "/a", "empty segment" },
      { "channel", "a b", "cannot have" },
      { "channel", "*rest/a", "only be the last" },
      { "channel", ":id/:id", "twice" },
      { "channel", ":1", "letters" },
      { "channel", ("x"):rep(200), "longer" },
      { "route", "/events", "a method, a space and a path" },
      { "route", "GET events", "a method, a space and a path" },
      { "route", "get /x", 'did you mean "GET"' },
      { "route", "FETCH /x", 'unknown method "FETCH"' },
      { "route", "GET /x?y", "cannot have" },
    }
    for _, row in ipairs(rows) do
      local name, why = names[row[1]](row[2])
      assert.is_nil(name)
      assert.matches(row[3], why, 1, true)
    end
  end)

  it("of members are known again, by how much of them is literal", function()
    local room, door = names.channel("rooms/:id"), names.channel("rooms/:id/door")
    local rest = names.channel("*all")
    assert.are.equal(1, names.covers(room, "rooms/a"))
    assert.is_nil(names.covers(room, "rooms/a/door"))
    assert.is_nil(names.covers(room, "rooms"))
    assert.is_nil(names.covers(room, "halls/a"))
    assert.are.equal(2, names.covers(door, "rooms/a/door"))
    assert.are.equal(0, names.covers(rest, "rooms/a"))
  end)

  it("of members are filled in, and cannot leave their segment", function()
    local name = names.channel("rooms/:id")
    assert.are.equal("rooms/7", names.fill(name, { 7 }))
    assert.are.equal("rooms/a b", names.fill(name, { "a b" }))
    assert.are.equal("rooms/grün", names.fill(name, { "grün" }))
    for _, id in ipairs { "", "a/b", "a\nb", "\255", "a\194\155b", {}, true } do
      assert.is_nil(names.fill(name, { id }))
    end
    local rest = names.channel("files/*path")
    assert.are.equal("files/a/b", names.fill(rest, { "a/b" }))
    assert.is_nil(names.fill(rest, { "a//b" }))
  end)
end)
