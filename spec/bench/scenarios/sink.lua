-- SPDX-License-Identifier: MIT
-- From the journal to a real Kafka, beside a bare loop of librdkafka's: a
-- handler publishes them all at once, so that the sink finds them there.
local broker = require "spec.bench.broker"
local figure = require "spec.bench.figure"
local http = require "spec.bench.http"
local measure = require "spec.bench.measure"
local process = require "spec.bench.process"
local server = require "spec.bench.server"
local uv = require "luv"

local sink = {
  title = "Kafka sink",
  about = "events of 200 bytes from the journal to Kafka, acks=all, beside a bare producer",
  alone = true,
}

local BYTES, DRAIN_S, RECORDS_MAX = 200, 120, 500000

local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)
journal { size = "1G" }
limits { answer_time = "60s" }
supervise { brain_timeout = "60s" }
local bus = kafka { brokers = "BROKERS", outbox = "1G" }
local list = channel "bench/:id" { into = bus:topic("TOPIC", { partitions = 3 }) }
local values = {}
for i = 1, 4096 do
  local digits = {}
  for j = 1, BYTES do digits[j] = ("%x"):format(math.random(0, 15)) end
  values[i] = table.concat(digits)
end
route "GET /events/:id" { stream = function(request) return list(request.params.id) end }
route "POST /fill" { respond = function(request)
  local count, channels = tonumber(request.body), {}
  for i = 0, 7 do channels[i] = list(tostring(i)) end
  for i = 1, count do channels[i % 8]:publish(values[i % 4096 + 1]) end
  return 202
end }
route "GET /status" { respond = function() return 200, bus:status() end }
]]

local function waiting(self)
  local _, topic = next(broker.status(self.port, "/status").producer.topics)
  return topic.waiting, topic.state
end

-- Acknowledged in a second, once all of them are in the journal.
local function drain(self, count)
  http.send(self.port, "POST", "/fill", tostring(count))
  local began, left = uv.hrtime(), waiting(self)
  local limit = began + DRAIN_S * 1e9
  while waiting(self) > 0 do
    if uv.hrtime() > limit then error("the sink does not come to an end", 0) end
    process.sleep(0.01)
  end
  return left / ((uv.hrtime() - began) / 1e9)
end

function sink.measure(peer, size, context)
  local address, why = broker.address()
  if not address then
    measure.note(context.notes, sink.title, ": ", why)
    return {}
  end
  local count = math.min(size.records, RECORDS_MAX) -- they have to fit into the journal
  local text = config:gsub("BROKERS", address):gsub("TOPIC", broker.topic())
    :gsub("BYTES", BYTES)
  local figures = server.with(peer, 1, function(self)
    process.wait(10, function() return select(2, waiting(self)) == "sending" end)
    drain(self, 1000)
    return { per_s = drain(self, count) }
  end, text)
  figures.bare_per_s = tonumber(broker.run("kafka_producer", { address, broker.topic(),
    tostring(count), tostring(BYTES) }, DRAIN_S))
  figures.share = figures.per_s / figures.bare_per_s
  return figures
end

function sink.rows()
  return {
    figure.more("events/s, acknowledged", "per_s", figure.count),
    figure.more("a bare librdkafka loop, same records and settings", "bare_per_s", figure.count),
    figure.more("of its rate", "share", figure.times, { { floor = 0.8, text = "≥ 0.8" } }),
  }
end

return sink
