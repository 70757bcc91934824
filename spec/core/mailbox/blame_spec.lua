-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi

describe("blame", function()
  local lib = units.cdef "core/mailbox/blame.h"
  local blame

  before_each(function() blame = ffi.new "struct blame" end)

  local function text(string)
    local made = ffi.new "struct text"
    made.bytes, made.size = string, #string
    return made
  end

  local function at(title, source, position)
    lib.blame_set(blame, text(title), text(source or ""), position or 0)
  end

  local function title()
    local room = ffi.new "char[192]"
    lib.blame_title(blame, room)
    return ffi.string(room)
  end

  local function deaths(source, position)
    return tonumber(lib.blame_deaths(blame, text(source), position))
  end

  it("tells what was entered last, cut where it is too long", function()
    assert.equal("", title())
    at 'route "GET /x" (config.lua:12)'
    assert.equal('route "GET /x" (config.lua:12)', title())
    at(("x"):rep(1000))
    assert.equal(("x"):rep(191), title())
    at ""
    assert.equal("", title())
  end)

  it("counts deaths at a record, and only at it", function()
    for n = 1, 3 do
      at("record", "events/0", 41)
      lib.blame_death(blame)
      assert.equal(n, deaths("events/0", 41))
      assert.equal("", title())
    end
    assert.equal(0, deaths("events/0", 42))
    assert.equal(0, deaths("events/1", 41))
    assert.equal(0, deaths("", 0))
  end)

  it("blames nobody when it was at no record", function()
    at("record", "events/0", 41)
    at 'route "GET /x"'
    lib.blame_death(blame)
    lib.blame_death(blame)
    assert.equal(0, deaths("events/0", 41))
    assert.equal(0, deaths("", 0))
  end)

  it("keeps the newest suspects", function()
    for position = 1, 40 do
      at("record", "t/0", position)
      lib.blame_death(blame)
      if position > 1 then
        at("record", "t/0", 1) -- again and again: it stays
        lib.blame_death(blame)
      end
    end
    assert.equal(40, deaths("t/0", 1))
    assert.equal(1, deaths("t/0", 40))
    assert.equal(1, deaths("t/0", 26))
    assert.equal(0, deaths("t/0", 20))
  end)

  it("counts what was passed over", function()
    lib.blame_pass_over(blame)
    lib.blame_pass_over(blame)
    assert.equal(2, tonumber(blame.passed_over))
  end)
end)
