-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/kafka/statistics.h"

local function read(json)
  local out = ffi.new "struct statistics"
  local sound = lib.statistics_read(ffi.new("struct text", json, #json), 1000, out)
  return sound and {
    up = out.brokers_up, silent = out.brokers_silent,
    messages = tonumber(out.queue_messages), bytes = tonumber(out.queue_bytes),
  }
end

local function broker(name, state, owed, idle_us, source)
  return ('"%s": { "name":"%s", "source":"%s", "state":"%s", "waitresp_cnt":%d, "rxidle":%d, '
    .. '"rtt": { "min":0 }, "toppars":{ "x-0": { "topic":"x" } } }')
    :format(name, name, source or "learned", state, owed or 0, idle_us or 0)
end

local function json(...)
  return ('{ "name": "a\\"b", "msg_cnt":7, "msg_size":900, "brokers":{ %s }, "topics":{} }')
    :format(table.concat({ ... }, ", "))
end

describe("kafka statistics", function()
  it("tells the queue and who is up", function()
    assert.same({ up = 2, silent = 0, messages = 7, bytes = 900 },
      read(json(broker("a/1", "UP"), broker("b/2", "UPDATE"), broker("c/3", "CONNECT"))))
  end)

  it("does not take a second connection to the same broker for another", function()
    assert.equal(0, read(json(broker("GroupCoordinator", "UP", 0, 0, "logical"))).up)
  end)

  it("knows a broker that owes an answer from one that has nothing to say", function()
    local quiet = read(json(broker("a/1", "UP", 0, 5000000)))
    assert.same({ 1, 0 }, { quiet.up, quiet.silent })
    local slow = read(json(broker("a/1", "UP", 1, 900000)))
    assert.same({ 1, 0 }, { slow.up, slow.silent })
    local hung = read(json(broker("a/1", "UP", 1, 1100000)))
    assert.same({ 0, 1 }, { hung.up, hung.silent })
  end)

  it("refuses what is cut short", function()
    local whole = json(broker("a/1", "UP", 3, 42))
    for size = 0, #whole - 1 do assert.is_false(read(whole:sub(1, size))) end
    assert.is_table(read(whole))
  end)
end)
