-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/worker/heartbeat.h"

describe("heartbeat", function()
  local plan, room

  before_each(function()
    plan = ffi.new "struct stentor_heartbeat"
    plan.every_ms, plan.jitter_percent, plan.size = 15000, 20, 2
    ffi.copy(plan.frame, ":\n", 2)
    room = ffi.new "char[600]"
  end)

  local function compose(chunked, epoch, seq)
    return ffi.string(room, lib.heartbeat_compose(plan, chunked, epoch or 0, seq or 0, room))
  end

  it("is the plan's frame, as a chunk or bare", function()
    assert.equal("2\r\n:\n\r\n", compose(true))
    assert.equal(":\n", compose(false))
  end)

  it("carries the position where the plan says so", function()
    plan.with_id = 1
    plan.size = 13
    ffi.copy(plan.frame, "event: beat\n\n", 13)
    local id = "id: 0000abcd-ef01-8000-8000-000000000007\n"
    assert.equal(id .. "event: beat\n\n", compose(false, 0xabcdef01, 7))
    assert.equal(("%x\r\n"):format(#id + 13) .. id .. "event: beat\n\n\r\n",
      compose(true, 0xabcdef01, 7))
    assert.equal("event: beat\n\n", compose(false, 0xabcdef01, 0))
  end)

  it("has room for the longest frame", function()
    plan.with_id = 1
    plan.size = lib.STENTOR_HEARTBEAT_BYTES
    ffi.fill(plan.frame, plan.size, 0x3a)
    assert.is_true(#compose(true, 1, 1) <= lib.HEARTBEAT_ROOM)
  end)

  it("comes first anywhere in the interval, evenly spread", function()
    local tenths = {}
    for seed = 1, 10000 do
      local delay = tonumber(lib.heartbeat_delay(plan, seed, true))
      assert.is_true(delay >= 1 and delay <= 15000)
      local tenth = math.min(9, math.floor(delay / 1500))
      tenths[tenth] = (tenths[tenth] or 0) + 1
    end
    for tenth = 0, 9 do
      assert.is_true(tenths[tenth] > 850 and tenths[tenth] < 1150, tenth)
    end
  end)

  it("then comes after the interval, shortened by at most the jitter", function()
    local least, most = 15000, 0
    for seed = 1, 5000 do
      local delay = tonumber(lib.heartbeat_delay(plan, seed, false))
      least, most = math.min(least, delay), math.max(most, delay)
    end
    assert.is_true(least >= 12000 and least < 12100, least)
    assert.is_true(most <= 15000 and most > 14900, most)
    plan.jitter_percent = 0
    assert.equal(15000, tonumber(lib.heartbeat_delay(plan, 9, false)))
  end)
end)
