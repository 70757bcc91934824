-- SPDX-License-Identifier: MIT
-- From Kafka to a crowd: what is posted goes into a topic, which feeds a
-- channel. Beside it, a program in C that writes to the same broker and reads
-- back; the difference is what the server and its clients add.
local figure = require "spec.bench.figure"
local kafka = require "spec.support.kafka"
local load = require "spec.bench.load"
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local kafka_live = {
  title = "kafka live",
  about = "100 records a second through a topic to 1,000 clients, beside a bare producer and "
    .. "consumer in C",
  alone = true,
}

local RATE = 100

local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)
local bus = kafka { brokers = "BROKERS" }
local topic = bus:topic "TOPIC"
local live = channel "main" { from = topic }
route "GET /events/main" { stream = live }
route "POST /publish/main" {
  respond = function(request)
    local partition, why = topic:publish(request.body)
    if not partition then return 503, why end
    return 202, {}
  end,
}
]]

local function bare(broker, topic, count)
  local path = server.folder .. "/kafka_bare"
  local built, code = process.finish(process.start("cc", { "-std=gnu11", "-O2",
    "spec/bench/kafka_bare.c", "-lrdkafka", "-o", path }), 60)
  assert(code == 0, built)
  local printed
  printed, code = process.finish(process.start(path, { "ping", broker, topic, tostring(count),
    tostring(RATE) }), 120)
  if code ~= 0 then error("kafka_bare failed: see " .. process.log, 0) end
  return printed:match "p50 (%d+)" / 1000, printed:match "p99 (%d+)" / 1000
end

function kafka_live.measure(peer, size)
  local broker, why = kafka.shared()
  if not broker then error(why, 0) end
  local figures = {}
  figures.bare_p50, figures.bare_p99 = bare(broker.address, broker:topic(1), RATE * size.seconds)
  local text = config:gsub("BROKERS", broker.address):gsub("TOPIC", (broker:topic(1)))
  return server.with(peer, 1, function(self)
    local ours = figure.of(self, load.run(self, load.publishing(self, {
      connections = size.everyday, rate = RATE, duration = size.seconds .. "s", size = 100 })))
    for name, value in pairs(figures) do ours[name] = value end
    ours.added_p99 = ours.p99 and ours.p99 - ours.bare_p99
    return ours
  end, text)
end

function kafka_live.rows(size)
  return {
    figure.less("p50, bare producer to bare consumer", "bare_p50", figure.milli),
    figure.less("p99 of it", "bare_p99", figure.milli),
    figure.less(("p50, POST to %d clients through Kafka"):format(size.everyday), "p50",
                figure.milli),
    figure.less("p99 of it", "p99", figure.milli),
    figure.less("p99, added to the bare one", "added_p99", figure.milli,
                { { ceiling = 10, text = "≤ 10 ms" } }),
    figure.complete,
  }
end

return kafka_live
