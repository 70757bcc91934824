-- SPDX-License-Identifier: MIT
--- Aggregates over topics, on a real broker and on the embedded one: the totals
-- are those of all records, however often the brain was killed on the way.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local server = require "spec.support.server"

local config = [[
workers(1)
local bus = kafka { brokers = "$BROKERS" }
local totals = aggregate "totals" {
  from = bus:topic("$TOPIC", { partitions = 3 }), by = function(record) return record.key end,
  where = function(record) return record.data.x ~= 13 end,
  fold = { n = count(), s = sum "x", lo = min "x", hi = max "x", a = first "x", z = last "x",
    text = reduce(function(value, record) return (value * 31 + #record.text) % 65521 end, 7) } }
route "GET /totals" { respond = function() return 200, totals:value() end }
route "GET /kafka/status" { respond = function()
  local status = bus:status()
  status.consumer.currentAggregation = totals:value()
  return 200, status
end }
plugin "health" { path = "/" }
]]

local one

local function get(path)
  local status, _, text = one:request { path = path }
  assert.equal(200, status, text)
  return cjson.decode(text)
end

local function start(brokers, topic, text)
  one = server.start((text or config):gsub("%$BROKERS", brokers):gsub("%$TOPIC", topic))
end

-- From what kcat reads; keys keep to their partitions, so their order is known.
local function recompute(records)
  local keys, count = {}, 0
  for _, record in ipairs(records) do
    local ok, data = pcall(cjson.decode, record.text)
    local x = ok and data.x
    if ok and x ~= 13 then
      local row = keys[record.key] or { n = 0, s = 0, lo = x, hi = x, a = x, text = 7 }
      keys[record.key] = row
      row.n, row.s, row.z = row.n + 1, row.s + x, x
      row.lo, row.hi = math.min(row.lo, x), math.max(row.hi, x)
      row.text = (row.text * 31 + #record.text) % 65521
    end
    count = count + 1
  end
  return keys, count
end

local serial = 0

local function produce(address, topic, count)
  local records = {}
  for i = 1, count do
    serial = serial + 1
    records[i] = { "key-" .. math.random(30), ('{"x":%d,"pad":"%s"}'):format(serial % 1000,
      ("p"):rep(math.random(0, 200))) }
  end
  kafka.produce(address, topic, records)
end

local function kill_brain()
  one:replace_brain(function() get "/" end)
end

local function counters() return get("/").counters end

-- It has read all, and agrees.
local function settle(address, topic)
  local wanted, count = recompute(kafka.read(address, topic))
  eventually(function() return counters().aggregate_records >= count end)
  assert.same(wanted, get "/totals")
  assert.equal(count, counters().aggregate_records)
end

local function kill_under_load(address, topic)
  produce(address, topic, 5000)
  for _ = 1, 4 do
    local before = counters().aggregate_records
    eventually(function()
      produce(address, topic, 2000)
      return counters().aggregate_records > before
    end)
    kill_brain() -- in the midst of what was just written
  end
  produce(address, topic, 3000)
  local run = server.run({ "reload" }, { cwd = one.folder })
  assert.equal(0, run.code, run.err)
  produce(address, topic, 1000)
  settle(address, topic)
end

local broker = kafka.shared()

describe("an aggregate over a topic", function()
  after_each(server.stop_all)

  it("gives the same totals as if the brain had never been killed", broker and function()
    local topic = broker:topic(3)
    start(broker.address, topic)
    kill_under_load(broker.address, topic)
  end)

  it("does so on the embedded Kafka too", function()
    start("embedded", "events")
    local address
    eventually(function()
      address = get("/kafka/status").brokers
      return address and address:find ":" and get("/kafka/status").consumer.connected
    end)
    kill_under_load(address, "events")
  end)

  it("leaves time for requests while it reads a long topic", broker and function()
    local topic = broker:topic(1)
    local count = 50000
    produce(broker.address, topic, count)
    start(broker.address, topic, "local slow = 0\n" .. (config:gsub("where = [^\n]*\n", [[
where = function()
    slow = slow + 1
    local began = now()
    while slow %% 100 == 0 and now() - began < 4 do end -- 2 s in all
    return true
  end,
]])))
    local seen = {}
    eventually(function()
      local at = counters().aggregate_records
      if at > 0 and at < count then seen[at] = true end
      local answers = 0
      for _ in pairs(seen) do answers = answers + 1 end
      return answers >= 3
    end)
  end)

  it("begins with the topic's oldest record after a full stop", broker and function()
    local topic = broker:topic(3)
    produce(broker.address, topic, 500)
    for _ = 1, 2 do
      start(broker.address, topic)
      settle(broker.address, topic)
      one:stop()
    end
  end)

  it("begins with the newest if the topic's start says so", broker and function()
    local topic = broker:topic(1)
    produce(broker.address, topic, 500)
    start(broker.address, topic, (config:gsub("partitions = 3", 'start = "newest"')))
    eventually(function()
      local list = get("/kafka/status").consumer.topics[topic]
      return list[1].partitions[1] and list[1].partitions[1].next == 500
    end)
    kafka.produce(broker.address, topic, { { "k", '{"x":5}' }, { "k", "no json" } })
    eventually(function() return counters().aggregate_records == 2 end)
    assert.same({ n = 1, s = 5 }, { n = get("/totals").k.n, s = get("/totals").k.s })
    assert.equal(1, counters().aggregate_bad)
    assert.equal(0, counters().errors)
    kill_brain()
    kafka.produce(broker.address, topic, { { "k", '{"x":6}' } })
    eventually(function() return counters().aggregate_records == 3 end)
    assert.same({ n = 2, s = 11 }, { n = get("/totals").k.n, s = get("/totals").k.s })
  end)
end)
