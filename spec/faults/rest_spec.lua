-- SPDX-License-Identifier: MIT
--- What a server at rest takes: the judgement on samples made by hand, and a
-- sample of a real one.
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local rest = require "spec.faults.rest"

local MB = 2 ^ 20

local function sample(bytes, descriptors)
  return {
    supervisor = { bytes = 2 * MB, descriptors = 20, count = 1 },
    worker = { bytes = bytes, descriptors = descriptors, count = 2 },
  }
end

describe("a server at rest", function()
  after_each(server.stop_all)

  it("is flat if no later sample is above the first two", function()
    assert.same({}, rest.judge {})
    assert.same({}, rest.judge { sample(5 * MB, 30), sample(6 * MB, 31), sample(6.1 * MB, 31),
      sample(4 * MB, 30) })
  end)

  it("is not if a descriptor stays open, or memory grows by more than chance", function()
    local found = rest.judge { sample(5 * MB, 30), sample(5 * MB, 30), sample(5 * MB, 31) }
    assert.same({ "round 3: worker: from 30 to 31 descriptors" }, found)
    found = rest.judge { sample(5 * MB, 30), sample(5 * MB, 30), sample(14 * MB, 30) }
    assert.same({ "round 3: worker: memory from 5.0 MB to 14.0 MB" }, found)
    local grown = sample(5 * MB, 30)
    grown.supervisor.bytes = 4 * MB
    found = rest.judge { sample(5 * MB, 30), sample(5 * MB, 30), grown }
    assert.same({ "round 3: supervisor: memory from 2.0 MB to 4.0 MB" }, found)
  end)

  it("is what its processes say, without our connections", function()
    local one = server.start 'workers(2) route "GET /" { respond = function() return 200 end }'
    local connection = http.raw(one.port)
    connection:send "GET / HTTP/1.1\r\nHost: spec\r\n\r\n"
    connection:response() -- so it is not only in the queue of a listener
    local before = rest.sample(one.pid, 0)
    assert.equal(1, before.supervisor.count)
    assert.equal(2, before.worker.count)
    assert.equal(1, before.brain.count)
    assert.is_true(before.brain.bytes > MB / 2)
    connection:close()
    eventually(function()
      return rest.sample(one.pid, 0).worker.descriptors < before.worker.descriptors
    end)
  end)
end)
