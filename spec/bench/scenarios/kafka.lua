-- SPDX-License-Identifier: MIT
-- A topic that is full already, read to its end: by the least that librdkafka
-- can do in C, and by our server, which counts it by key in Lua.
local uv = require "luv"
local figure = require "spec.bench.figure"
local http = require "spec.bench.http"
local kafka = require "spec.support.kafka"
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local kafka_in = {
  title = "kafka in",
  about = "records of 200 bytes that are in a topic already, counted by key in Lua, beside a bare "
    .. "consumer in C",
  alone = true,
}

local BYTES, KEYS = 200, 1000
local PATIENCE_S = 120

local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)
local bus = kafka { brokers = "BROKERS" }
local totals = aggregate "totals" {
  from = bus:topic("TOPIC", { start = "oldest" }), by = BY,
  fold = { n = count() },
}
plugin "health" { path = "/" }
]]

-- What the records are counted by, and what that takes.
local ways = {
  key = "function(record) return record.key end",
  json = '"user"', -- a path into the data: each record is decoded
}

-- Calls one of the bare programs; records a second.
local function bare(...)
  local path = server.folder .. "/kafka_bare"
  local built, code = process.finish(process.start("cc", { "-std=gnu11", "-O2",
    "spec/bench/kafka_bare.c", "-lrdkafka", "-o", path }), 60)
  assert(code == 0, built)
  local printed
  printed, code = process.finish(process.start(path, { ... }), PATIENCE_S)
  if code ~= 0 then error("kafka_bare failed: see " .. process.log, 0) end
  return printed:match "records (%d+)" / printed:match "us (%d+)" * 1e6
end

local function counted(self)
  local answer = http.get(self.port, "/")
  return tonumber(answer:match '"aggregate_records":(%d+)') or 0
end

-- Records a second, from the first tenth to the end.
local function ours(peer, broker, topic, by, count)
  local text = config:gsub("BROKERS", broker):gsub("TOPIC", topic):gsub("BY", by)
  return server.with(peer, 1, function(self)
    local first, from, at, now
    local done = process.wait(PATIENCE_S, function()
      at, now = counted(self), uv.hrtime()
      if not first and at >= count / 10 then first, from = at, now end
      return at == count
    end)
    if first == count then error("too few records to be measured", 0) end
    if not done then error(("%d of %d records were counted"):format(at, count), 0) end
    return (count - first) / (now - from) * 1e9
  end, text)
end

function kafka_in.measure(peer, size)
  local broker, why = kafka.shared()
  if not broker then error(why, 0) end
  local topic = broker:topic(1)
  bare("produce", broker.address, topic, size.records, BYTES, KEYS)
  local figures = {}
  -- The second reading finds all of it in the broker's memory, as ours does.
  bare("consume", broker.address, topic, size.records)
  figures.bare = bare("consume", broker.address, topic, size.records)
  for name, by in pairs(ways) do
    figures[name] = ours(peer, broker.address, topic, by, size.records)
  end
  figures.ratio = figures.key / figures.bare
  return figures
end

function kafka_in.rows()
  return {
    figure.more("records/s, bare consumer", "bare", figure.count),
    figure.more("records/s, counted by key", "key", figure.count),
    figure.more("that is, of the bare one", "ratio", figure.times,
                { { floor = 0.7, text = "≥ 0.7 ×" } }),
    figure.more("records/s, counted by a path in JSON", "json", figure.count,
                { { floor = 150000, text = "≥ 150 k" } }),
  }
end

return kafka_in
