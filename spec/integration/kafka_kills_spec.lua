-- SPDX-License-Identifier: MIT
--- The brain is killed while it copies to Kafka: nothing that was answered with
-- 202 is lost, nothing is there twice, and the order stays.
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local load = require "spec.integration.kafka_load"
local server = require "spec.support.server"

local kills = tonumber(os.getenv "STENTOR_KAFKA_KILLS") or 4

describe("a sink whose brain is killed", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end
  after_each(server.stop_all)

  it("loses nothing and doubles nothing, in order", function()
    local topic = broker:topic(3)
    local one = load.start(broker.address, topic)
    local publishers = {}
    for i = 1, 8 do publishers[i] = load.publisher(one, "p" .. i) end
    local function acks()
      local sum = 0
      for _, publisher in ipairs(publishers) do sum = sum + publisher.acks end
      return sum
    end
    -- Killed while it sends: each life gets to its work first.
    local function works_on()
      local done
      eventually(function()
        local _, state = load.status(one, topic)
        done = done or state.acked
        return state.acked >= done + 200
      end)
    end
    for _ = 1, kills do
      works_on()
      load.kill_brain(one)
    end
    works_on()
    load.stop(publishers)
    local state = load.drained(one, topic)
    local acked = {}
    for i, publisher in ipairs(publishers) do acked["p" .. i] = publisher.acked end
    local count = load.check(broker.address, topic, acked)
    assert.is_true(count >= acks())
    assert.equal(0, state.possibly_doubled)
    assert.is_true(state.requeued + state.skipped > 0)
  end)

  it("hands over at each reload, and gets it back from a brain that fails", function()
    local topic = broker:topic(2)
    local one = load.start(broker.address, topic,
      { head = 'supervise { brain_timeout = "1s" }' })
    local publishers = {}
    for i = 1, 4 do publishers[i] = load.publisher(one, "p" .. i) end
    local function works_on()
      local _, first = load.status(one, topic)
      eventually(function()
        local _, state = load.status(one, topic)
        return state.acked >= first.acked + 200
      end)
    end
    for round = 1, 2 do
      works_on()
      assert.equal(0, (load.reload(one)))
      works_on()
      -- It takes over, publishes and then hangs: the old one goes on.
      local code, said = load.reload(one, function(text)
        return text .. 'task(function() events:publish("new ' .. round
          .. '") while true do end end)\n'
      end)
      assert.equal(1, code)
      assert.truthy(said:find "ended while starting", said)
      load.reload(one, function(text) return (text:gsub("task%(.*", "")) end)
    end
    works_on()
    load.stop(publishers)
    local state = load.drained(one, topic)
    local acked = { new = { true, true } }
    for i, publisher in ipairs(publishers) do acked["p" .. i] = publisher.acked end
    load.check(broker.address, topic, acked)
    assert.equal(0, state.possibly_doubled)
  end)
end)
