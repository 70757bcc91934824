-- SPDX-License-Identifier: MIT
--- The brain dies between two steps of what a topic feeds a channel with, at
-- each of them: each record is in the channel once. On the build
-- `stentor-faults`.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local order = require "spec.faults.order"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
workers(1)
supervise { brain_timeout = "30s" }
local bus = kafka { brokers = "$BROKERS" }
local live = channel "live" { replay = "all", from = bus:topic("$TOPIC", { start = "oldest" }) }
-- Others publish as well: the journal's seqs are not the source's alone.
local other = channel "other" {}
every("5ms", function() other:publish "x" end)
route "GET /live" { stream = live, since = "all" }
route "GET /other" { stream = other }
]]

describe("a brain that dies at a step of a feed", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end
  local asked, one

  after_each(function()
    server.stop_all()
    asked:close()
  end)

  it("leaves no record out, and none twice", function()
    asked = order.open(server.make_folder {} .. "/order")
    local topic = broker:topic(3)
    one = server.start { config = CONFIG:gsub("%$(%u+)", { BROKERS = broker.address,
      TOPIC = topic }), binary = server.binary .. "-faults",
      env = { STENTOR_FAULT_FILE = asked.path } }
    local stream = sse.open { port = one.port, path = "/live" }
    local written, steps = 0, order.steps "feed"
    assert.is_true(#steps > 3)
    local function write()
      for partition = 0, 2 do
        local list = {}
        for i = 1, 200 do list[i] = ("%d %d"):format(partition, written + i) end
        kafka.produce(broker.address, topic, list, { partition = partition })
      end
      written = written + 200
    end
    for i, step in ipairs(steps) do
      asked:die_at(step, 1 + i % 2)
      write()
      local pid
      eventually(function()
        pid = asked:stopped()
        return pid or #stream:events() == 3 * written
      end)
      if not pid then write() end
      pid = pid or eventually(function() return asked:stopped() end)
      uv.kill(pid, "sigkill")
    end
    write()
    eventually(function()
      return #stream:events() >= 3 * written or error(("%d of %d"):format(#stream:events(),
        3 * written))
    end)
    local next_of = { [0] = 1, 1, 1 }
    for _, event in ipairs(stream:events()) do
      local partition, n = event.data:match "^(%d) (%d+)$"
      partition, n = tonumber(partition), tonumber(n)
      assert.equal(next_of[partition], n)
      next_of[partition] = n + 1
    end
    assert.same({ [0] = written + 1, written + 1, written + 1 }, next_of)
    stream:close()
  end)
end)
