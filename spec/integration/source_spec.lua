-- SPDX-License-Identifier: MIT
--- Topics that are read: by handlers, into channels, over deaths of the brain.
local cjson = require "cjson"
local count = require "spec.support.count"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
workers(1)
local bus = kafka { brokers = "$BROKERS" }
local seen = channel "seen" { replay = "all" }
local live = channel "live" { replay = "all", from = bus:topic("$LIVE", { $START }) }
local last = channel "last" { latest = true, key = "k", from = bus:topic "$LAST" }
bus:topic("$TOPIC", { $START }):on("record", function(record)
  local data = record.data
  if data.wait then
    log.info("waits at " .. data.n)
    sleep(data.wait)
  end
  if data.throw then error "thrown" end
  if data.loop then while true do end end
  seen:publish { n = data.n, key = record.key, partition = record.partition,
    offset = record.offset, time = record.time, colour = record.headers.colour,
    text = record.text }
end)
route "GET /seen" { stream = seen, since = "all" }
route "GET /live" { stream = live, since = "all" }
route "GET /last" { stream = last }
route "GET /status" { respond = function() return 200, bus:status() end }
]]

local one

local function start(brokers, topics, options)
  options = options or {}
  local text = (CONFIG:gsub("%$(%u+)", {
    BROKERS = brokers, TOPIC = topics[1], LIVE = topics[2], LAST = topics[3],
    START = options.start or 'start = "oldest"',
  }))
  one = server.start { config = text .. (options.config or "") }
  return one
end

local function open(path, id)
  return sse.open { port = one.port, path = path, headers = { ["Last-Event-ID"] = id } }
end

local function status()
  local code, _, body = one:request { path = "/status" }
  assert.equal(200, code)
  return cjson.decode(body)
end

local function source_of(topic)
  return status().consumer.topics[topic][1]
end

-- What a stream of all has got, as the n of each.
local function numbers_of(stream)
  local list = {}
  for i, event in ipairs(stream:events()) do
    list[i] = tonumber(event.data) or cjson.decode(event.data).n
  end
  return list
end

local function records(first, last)
  return count(first, last, function(n) return { "k" .. n, ('{"n":%d}'):format(n) } end)
end

local function await(stream, list)
  eventually(function()
    return #stream:events() >= #list or error("has got " .. #stream:events() .. "\n" .. one:log())
  end)
  assert.same(list, numbers_of(stream))
end

-- Three topics: made beforehand where that can be done, as it saves time.
local function names(broker)
  local list = {}
  for i = 1, 3 do list[i] = broker and broker:topic() or kafka.topic_name() end
  return list
end

local function kill_brain() one:replace_brain(status) end

after_each(server.stop_all)

local function behaves_on(address, broker)
  it("hands records to a handler, with all they have", function()
    local topics = names(broker)
    start(address, topics)
    local at = status().brokers
    kafka.produce(at, topics[1], { { "ACME", '{"n":1}' } }, { headers = { "colour=red" } })
    local stream = open "/seen"
    await(stream, { 1 })
    local got = cjson.decode(stream:events()[1].data)
    assert.same({ "ACME", 0, "red", '{"n":1}' }, { got.key, got.offset, got.colour, got.text })
    assert.is_true(math.abs(got.time - os.time() * 1000) < 60000)
    kafka.produce(at, topics[1], records(2, 600), { partition = got.partition })
    await(stream, count(1, 600))
    eventually(function() return source_of(topics[1]).lag == 0 end)
    eventually(function() return status().consumer.connected end)
    stream:close()
  end)

  it("leaves headers out where they are not wanted", function()
    local topics = names(broker)
    start(address, topics, { start = 'start = "oldest", headers = false' })
    local at = status().brokers
    kafka.produce(at, topics[1], { '{"n":1}' }, { headers = { "colour=red" } })
    kafka.produce(at, topics[2], { "1" }, { headers = { "event=trade" } })
    local stream, live = open "/seen", open "/live"
    await(stream, { 1 })
    await(live, { 1 })
    assert.is_nil(cjson.decode(stream:events()[1].data).colour)
    assert.equal("message", live:events()[1].event)
    stream:close()
    live:close()
  end)

  it("skips what is no JSON, and goes on after an error", function()
    local topics = names(broker)
    start(address, topics)
    local at = status().brokers
    kafka.produce(at, topics[1], { '{"n":1}', "no JSON {", '{"n":2,"throw":true}',
      '{"n":3,"wait":0.01}', '{"n":4}' }, { partition = 0 })
    local stream = open "/seen"
    await(stream, { 1, 3, 4 })
    local source = source_of(topics[1])
    assert.same({ 1, 1 }, { source.bad, source.failed })
    assert.truthy(one:log():find("is no JSON and is skipped", 1, true))
    stream:close()
  end)

  it("feeds channels, with key, name and id, and no Lua", function()
    local topics = names(broker)
    start(address, topics)
    local at = status().brokers
    kafka.produce(at, topics[2], { "1", "2" }, { partition = 0, headers = { "event=trade" } })
    kafka.produce(at, topics[2], count(3, 1500), { partition = 0 })
    local stream = open "/live"
    await(stream, count(1, 1500))
    assert.equal("trade", stream:events()[1].event)
    assert.equal("message", stream:events()[3].event)
    stream:close()
    local again = open("/live", stream:events()[700].id)
    await(again, count(701, 1500))
    again:close()
  end)

  it("feeds a channel that Lua has to see", function()
    local topics = names(broker)
    start(address, topics)
    local at = status().brokers
    eventually(function() return #source_of(topics[3]).partitions > 0 or
      kafka.produce(at, topics[3], { '{"k":"a","n":1}' }, { partition = 0 }) end)
    kafka.produce(at, topics[3], { '{"k":"a","n":2}', '{"k":"b","n":3}', '{"k":"a","n":4}' },
      { partition = 0 })
    local stream
    eventually(function()
      if stream then stream:close() end
      stream = open "/last"
      eventually(function() return #stream:events() == 2 end, 0.3)
      return numbers_of(stream)[2] == 4
    end)
    stream:close()
  end)

  it("goes on in order, none twice and none left out, when the brain is killed", function()
    local topics = names(broker)
    start(address, topics)
    local at = status().brokers
    local stream, live = open "/seen", open "/live"
    local first = { '{"n":1}', '{"n":2}', '{"n":3,"wait":"3s"}' }
    for i = 4, 300 do first[i] = ('{"n":%d}'):format(i) end
    kafka.produce(at, topics[1], first, { partition = 0 })
    kafka.produce(at, topics[2], count(1, 300), { partition = 0 })
    await(live, count(1, 300))
    -- In the midst of a batch, and of the handler for its third record.
    eventually(function() return one:log():find("waits at 3", 1, true) end)
    kill_brain()
    kafka.produce(at, topics[2], count(301, 600), { partition = 0 })
    await(live, count(1, 600))
    await(stream, count(1, 300))
    stream:close()
    live:close()
  end)
end

describe("a source on the embedded broker", function()
  behaves_on "embedded"
end)

describe("a source on a real broker", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end
  local address = broker.address
  behaves_on(address, broker)

  it("stays the member of its group that it was when the brain is killed", function()
    local topics = names(broker)
    start(address, topics, { start = ('start = "oldest", group = "%s"'):format(topics[1]) })
    local stream, live = open "/seen", open "/live"
    kafka.produce(address, topics[1], records(1, 100))
    kafka.produce(address, topics[2], count(1, 100))
    await(stream, count(1, 100))
    await(live, count(1, 100))
    kill_brain()
    kafka.produce(address, topics[1], records(101, 200))
    kafka.produce(address, topics[2], count(101, 200))
    await(stream, count(1, 200))
    await(live, count(1, 200))
    stream:close()
    live:close()
  end)

  it("answers requests while it has much to read", function()
    local topics, list = names(broker), {}
    for i = 1, 60000 do list[i] = ('{"n":%d}'):format(i) end
    kafka.produce(address, topics[1], list)
    start(address, topics)
    local answered = 0
    eventually(function()
      local source = source_of(topics[1])
      if source.records > 0 and source.records < 60000 then answered = answered + 1 end
      return source.records == 60000
    end)
    assert.is_true(answered >= 2, "it was answered " .. answered .. " times meanwhile")
  end)

  it("passes over a record at which three brains have died", function()
    local topics = names(broker)
    kafka.produce(address, topics[1], { '{"n":1}', '{"n":2}', '{"n":3,"loop":true}', '{"n":4}' })
    start(address, topics, { config = 'supervise { brain_timeout = "300ms" }\n' })
    local stream = open "/seen"
    eventually(function() return #stream:events() >= 3 end)
    assert.same({ 1, 2, 4 }, numbers_of(stream))
    assert.equal(1, source_of(topics[1]).skipped)
    assert.truthy(one:log():find("3 brains have died at it", 1, true))
    stream:close()
  end)

  it("tells the clients of a channel when retention was faster than it", function()
    local topics = names(broker)
    kafka.produce(address, topics[2], count(1, 10))
    start(address, topics)
    local stream = open "/live"
    await(stream, count(1, 10))
      local brain = one:children "brain".pid
    require("luv").kill(brain, "sigstop")
    -- A request that is under way would still be answered with what comes.
    eventually.stays(function() return true end, 0.7)
    kafka.produce(address, topics[2], count(11, 40))
    kafka.admin.delete_records(address, topics[2], 0, 30)
    require("luv").kill(brain, "sigcont")
    eventually(function() return #stream:events() >= 21 end)
    local gap = stream:events()[11]
    assert.equal("gap", gap.event)
    local told = cjson.decode(gap.data)
    assert.same({ stream:events()[10].id, gap.id, "expired" }, { told.from, told.to, told.reason })
    assert.equal("31", stream:events()[12].data)
    assert.equal(20, source_of(topics[2]).lost)
    stream:close()
  end)
end)
