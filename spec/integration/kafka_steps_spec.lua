-- SPDX-License-Identifier: MIT
--- The brain dies between two steps of a sink, at each of them: at the moments
-- when what it knows and what Kafka knows differ. On the build `stentor-faults`.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local load = require "spec.integration.kafka_load"
local order = require "spec.faults.order"
local server = require "spec.support.server"

describe("a brain that dies at a step of a sink", function()
  local broker, why = kafka.own "steps"
  if not broker then return pending(why) end
  local asked, one

  teardown(kafka.remove_all)
  after_each(function()
    server.stop_all()
    asked:close()
  end)

  -- The steps in two parts: the oftener a brain dies, the later comes the next.
  local function dies_at(steps)
    local folder = server.make_folder {}
    asked = order.open(folder .. "/order")
    local topic = broker:topic(2)
    one = load.start(broker.address, topic, {
      head = 'journal { size = "1M" } supervise { brain_timeout = "30s" }',
      bus = 'outbox = "16M"',
      binary = server.binary .. "-faults",
      env = { STENTOR_FAULT_FILE = asked.path },
    })
    local publishers = {}
    for i = 1, 6 do publishers[i] = load.publisher(one, "p" .. i) end
    -- That the ring overtakes the sink, it takes a broker that is away.
    local away = { ["sink: saved"] = true, ["sink: passed"] = true, ["sink: dropped"] = true }
    for i, step in ipairs(steps) do
      eventually(function() return select(2, load.status(one, topic)).state == "sending" end)
      if away[step] then broker:signal "sigstop" end
      asked:die_at(step, 10 * i)
      if away[step] and step ~= "sink: saved" then
        -- Enough that some of it is in the outbox when the broker comes back.
        eventually(function()
          return not asked:is_armed() or select(2, load.status(one, topic)).outbox_bytes > 200000
        end)
      end
      if step == "sink: dropped" then broker:signal "sigcont" end
      local pid = eventually(function() return asked:stopped() end)
      uv.kill(pid, "sigkill")
      broker:signal "sigcont"
      eventually(function() return load.status(one, topic) end)
    end
    load.stop(publishers)
    load.drained(one, topic)
    local acked = {}
    for i, publisher in ipairs(publishers) do acked["p" .. i] = publisher.acked end
    load.check(broker.address, topic, acked)
  end

  local steps = order.steps "sink"
  for part, name in ipairs { "first", "second" } do
    it(("leaves nothing lost, nothing doubled, in order (%s half)"):format(name), function()
      local half = math.ceil(#steps / 2)
      dies_at { unpack(steps, (part - 1) * half + 1, math.min(#steps, part * half)) }
    end)
  end
end)
