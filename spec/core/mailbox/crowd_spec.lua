-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/mailbox/crowd.h"

local function key(string, seed)
  local address = ffi.new "struct address"
  assert.is_true(lib.address_parse(ffi.new("struct text", string, #string), address))
  return lib.crowd_key(address, seed or 12345)
end

describe("the key of an address", function()
  it("is its own, and that of a /64 of IPv6", function()
    assert.equal(key "1.2.3.4", key "::ffff:1.2.3.4")
    assert.not_equal(key "1.2.3.4", key "1.2.3.5")
    assert.equal(key "2001:db8::1", key "2001:db8::ffff:ffff:ffff:ffff")
    assert.not_equal(key "2001:db8::1", key "2001:db8:0:1::1")
    assert.not_equal(key "1.2.3.4", key("1.2.3.4", 12346))
  end)
end)

describe("the connections of addresses", function()
  local places = 64
  local members

  before_each(function() members = ffi.new("struct crowd_member[?]", places) end)

  local function count(k) return lib.crowd_count(members, places, k) end

  it("are counted by address", function()
    local a, b = key "1.2.3.4", key "1.2.3.5"
    local first = lib.crowd_enter(members, places, a)
    assert.equal(first, lib.crowd_enter(members, places, a))
    local other = lib.crowd_enter(members, places, b)
    assert.same({ 2, 1 }, { count(a), count(b) })
    lib.crowd_leave(members, first)
    lib.crowd_leave(members, other)
    assert.same({ 1, 0 }, { count(a), count(b) })
    lib.crowd_leave(members, lib.CROWD_NOWHERE)
  end)

  it("find no place in a full set, and find one again", function()
    -- Keys with the same low bits are of one set.
    local entered = {}
    for i = 1, 16 do entered[i] = lib.crowd_enter(members, places, 64 * i + 1) end
    assert.equal(lib.CROWD_NOWHERE, lib.crowd_enter(members, places, 64 * 17 + 1))
    assert.equal(0, count(64 * 17 + 1))
    lib.crowd_leave(members, entered[7])
    assert.equal(entered[7], lib.crowd_enter(members, places, 64 * 17 + 1))
    assert.equal(1, count(64 * 17 + 1))
    assert.equal(0, count(64 * 7 + 1))
  end)

  it("agree with a plain table, whatever comes and goes", function()
    local model, open = {}, {}
    math.randomseed(7)
    for _ = 1, 20000 do
      local address = ("10.0.0.%d"):format(math.random(40))
      local k = tostring(key(address))
      if math.random() < 0.5 then
        local place = lib.crowd_enter(members, places, key(address))
        if place ~= 0 then
          model[k] = (model[k] or 0) + 1
          open[#open + 1] = { k, place }
        end
      elseif #open > 0 then
        local one = table.remove(open, math.random(#open))
        lib.crowd_leave(members, one[2])
        model[one[1]] = model[one[1]] - 1
      end
      assert.equal(model[k] or 0, count(key(address)))
    end
  end)
end)

describe("the meter of an address", function()
  local places, second = 64, 1000000000
  local meters, forgot, now

  before_each(function()
    meters, forgot = ffi.new("struct crowd_meter[?]", places), ffi.new "bool[1]"
    now = 5 * second
  end)

  --- Asks at `now`; how long to wait, in ms.
  local function ask(k, per_second, burst_s)
    return tonumber(lib.crowd_ask(meters, places, k, now, second / per_second,
      (burst_s or 1) * second, forgot)) / 1e6
  end

  it("lets a burst pass, then one at a time", function()
    local a = key "1.2.3.4"
    for _ = 1, 50 do assert.equal(0, ask(a, 50)) end
    assert.equal(20, ask(a, 50))
    assert.equal(0, ask(key "1.2.3.5", 50))
    now = now + 19 * 1000000
    assert.equal(1, ask(a, 50))
    now = now + 1000000
    assert.equal(0, ask(a, 50))
    assert.equal(20, ask(a, 50))
    now = now + 10 * second -- what was not used does not add up
    for _ = 1, 50 do assert.equal(0, ask(a, 50)) end
    assert.equal(20, ask(a, 50))
  end)

  it("counts by the minute too", function()
    local a = key "1.2.3.4"
    for _ = 1, 100 do assert.equal(0, ask(a, 100 / 60, 60)) end
    assert.is_true(math.abs(600 - ask(a, 100 / 60, 60)) < 1)
  end)

  it("lets at least one pass where the burst is shorter than the interval", function()
    local a = key "1.2.3.4"
    assert.equal(0, ask(a, 0.1, 1))
    assert.is_true(ask(a, 0.1, 1) > 0)
    now = now + 20 * second
    assert.equal(0, ask(a, 0.1, 1))
  end)

  it("gives way only to want of room, and says so", function()
    for i = 1, 16 do ask(64 * i + 1, 1, 100) end
    assert.is_false(forgot[0])
    ask(64 * 17 + 1, 1, 100)
    assert.is_true(forgot[0])
    now = now + 200 * second
    ask(64 * 18 + 1, 1, 100)
    assert.is_false(forgot[0])
  end)
end)
