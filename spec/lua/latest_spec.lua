-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local latest = require "stentor.latest"

describe("latest", function()
  it("has the last of each key, oldest first", function()
    local one = latest.new(10, 1000)
    one:record("a", "a1 ")
    one:record("b", "b1 ")
    one:record("a", "a2 ")
    assert.are.equal("b1 a2 ", one:preface(1000))
  end)

  it("is bounded in keys and bytes", function()
    local one = latest.new(3, 10)
    for _, key in ipairs { "a", "b", "c", "d" } do one:record(key, key) end
    assert.are.equal("bcd", one:preface(1000))
    one:record("e", ("e"):rep(9))
    assert.are.equal("deeeeeeeee", one:preface(1000))
    one:record("f", ("f"):rep(11))
    assert.are.equal("", one:preface(1000))
    assert.are.equal(0, one.bytes)
    assert.are.equal(6, one.forgotten)
  end)

  it("gives the newest ones that fit", function()
    local one = latest.new(10, 1000)
    for _, key in ipairs { "a", "b", "c" } do one:record(key, key .. "1 ") end
    assert.are.equal("b1 c1 ", one:preface(8))
    assert.are.equal("c1 ", one:preface(5))
    assert.are.equal("", one:preface(0))
    one:record("d", "d1 ")
    assert.are.equal("c1 d1 ", one:preface(8))
    assert.are.equal("a1 b1 c1 d1 ", one:preface(12))
  end)

  it("takes over what the journal holds", function()
    local one = latest.new(2, 100)
    one:restore { { key = "a", frame = "a3" }, { key = "b", frame = "b2" },
      { key = "a", frame = "a1" }, { key = "c", frame = "c0" } }
    assert.are.equal("b2a3", one:preface(1000))
  end)
end)
