-- SPDX-License-Identifier: MIT
-- A topic that is full already, read to its end: by the least that librdkafka
-- can do in C, and by our server, which counts it by key in Lua.
local cjson = require "cjson"
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

-- It begins to read as it starts, so it notes the time itself: at the first
-- record of each key, and at the last of all.
local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)
local bus = kafka { brokers = "BROKERS" }
local totals = aggregate "totals" {
  from = bus:topic("TOPIC", { start = "oldest", headers = false }), by = BY,
  fold = {
    n = count(),
    began = reduce(function(at) return at == 0 and now() or at end, 0),
    ended = reduce(function(at, record) return record.offset == LAST and now() or at end, 0),
  },
}
route "GET /totals" { respond = function() return 200, totals:value() end }
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

-- Records a second, and how many were counted.
local function read_totals(self)
  local began, ended, count = math.huge, 0, 0
  for _, key in pairs(cjson.decode(http.get(self.port, "/totals"))) do
    began, ended = math.min(began, key.began), math.max(ended, key.ended)
    count = count + key.n
  end
  return count / (ended - began) * 1000, count
end

local function ours(peer, broker, topic, by, count)
  local text = config:gsub("BROKERS", broker):gsub("TOPIC", topic):gsub("BY", by)
    :gsub("LAST", count - 1)
  return server.with(peer, 1, function(self)
    local rate, counted
    local done = process.wait(PATIENCE_S, function()
      rate, counted = read_totals(self)
      process.sleep(0.3) -- to ask costs time too
      return counted == count
    end)
    if not done then error(("%d of %d records were counted"):format(counted, count), 0) end
    if rate == math.huge then error("too few records to be measured", 0) end
    return rate
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
