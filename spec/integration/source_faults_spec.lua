-- SPDX-License-Identifier: MIT
--- A broker that is absent, killed, hangs and comes back, and what a server says
-- of it and reads after it. No record may be left out or come twice.
local cjson = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
workers(1)
local bus = kafka { brokers = "$BROKERS" }
local seen = channel "seen" { replay = "all" }
local live = channel "live" { replay = "all", from = bus:topic("$LIVE", { start = "oldest" }) }
bus:topic("$TOPIC", { start = "oldest" }):on("record", function(record)
  seen:publish { n = record.data.n }
end)
route "GET /seen" { stream = seen, since = "all" }
route "GET /live" { stream = live, since = "all" }
route "GET /status" { respond = function() return 200, bus:status() end }
]]

local broker, why = kafka.own "faults"
if not broker then
  describe("a source whose broker fails", function() pending(why) end)
  return
end

local one, topics

local function start(absent)
  topics = { seen = absent and kafka.topic_name() or broker:topic(),
    live = absent and kafka.topic_name() or broker:topic() }
  one = server.start((CONFIG:gsub("%$(%u+)", { BROKERS = broker.address, TOPIC = topics.seen,
    LIVE = topics.live })))
end

local function status()
  local code, _, body = one:request { path = "/status" }
  assert.equal(200, code)
  local now = cjson.decode(body)
  assert.truthy(now.producer, body .. one:log())
  return now
end

local function is_connected()
  local now = status()
  return now.producer.connected and now.consumer.connected
end

local function is_lost()
  local now = status()
  return not now.producer.connected and not now.consumer.connected
end

local function soon(check) eventually(check, kafka.SOON) end

local written

-- The next `count` records of both topics.
local function write(count)
  local records, plain = {}, {}
  for i = 1, count do
    records[i], plain[i] = ('{"n":%d}'):format(written + i), tostring(written + i)
  end
  written = written + count
  kafka.produce(broker.address, topics.seen, records, { partition = 0 })
  kafka.produce(broker.address, topics.live, plain, { partition = 0 })
end

local function open(path) return sse.open { port = one.port, path = path } end

-- Every record, once, in order, in both streams.
local function check(streams)
  for name, stream in pairs(streams) do
    eventually(function()
      return #stream:events() >= written
        or error(("%s has %d of %d"):format(name, #stream:events(), written))
    end)
    for i, event in ipairs(stream:events()) do
      local n = tonumber(event.data) or cjson.decode(event.data).n
      if n ~= i then error(("%s: event %d is record %d"):format(name, i, n)) end
    end
    assert.equal(written, #stream:events())
  end
end

local function both() return { seen = open "/seen", live = open "/live" } end

local function close(streams)
  for _, stream in pairs(streams) do stream:close() end
end

describe("a source whose broker fails", function()
  before_each(function() written = 0 end)
  after_each(server.stop_all)
  teardown(kafka.remove_all)

  it("says so at once when it hangs, and when it is back, and misses nothing", function()
    start()
    local streams = both()
    write(50)
    check(streams)
    eventually(is_connected)
    broker:signal "sigstop"
    soon(is_lost)
    eventually.stays(is_lost, 0.5)
    broker:signal "sigcont"
    soon(is_connected)
    write(100)
    check(streams)
    close(streams)
  end)

  it("says so at once when it is killed, and when it is back, and misses nothing", function()
    start()
    local streams = both()
    write(50)
    check(streams)
    eventually(is_connected)
    broker:signal "sigkill"
    soon(is_lost)
    assert(broker:start())
    soon(is_connected)
    write(100)
    check(streams)
    close(streams)
  end)

  it("misses nothing of what is written all the while", function()
    start()
    local stream = open "/live"
    local writer = process.start("kcat", { "-P", "-b", broker.address, "-t", topics.live,
      "-p", "0", "-E", "-X", "queue.buffering.max.ms=5", "-X", "enable.idempotence=true" })
    local timer = uv.new_timer()
    finally(function() if not timer:is_closing() then timer:close() end end)
    timer:start(0, 5, function()
      for _ = 1, 5 do
        written = written + 1
        writer:write(written .. "\n")
      end
    end)
    local function some_more()
      local had = #stream:events()
      eventually(function() return #stream:events() > had + 100 end)
    end
    some_more()
    for _, seconds in ipairs { 1, 8 } do
      broker:signal "sigkill"
      eventually.stays(function() return true end, seconds)
      assert(broker:start())
      some_more()
    end
    broker:signal "sigstop"
    eventually.stays(function() return true end, 3)
    broker:signal "sigcont"
    some_more()
    timer:close()
    writer:end_input()
    writer:wait()
    check { live = stream }
    stream:close()
  end)

  it("begins when the broker does", function()
    broker:stop()
    start "absent"
    eventually.stays(is_lost, 1)
    assert(broker:start())
    local streams = both()
    write(100)
    check(streams)
    close(streams)
  end)

  it("reads added partitions, and a topic that was made again", function()
    start()
    local streams = both()
    write(20)
    check(streams)
    kafka.admin.add_partitions(broker.address, topics.live, 3)
    kafka.produce(broker.address, topics.live, { "21" }, { partition = 2 })
    kafka.produce(broker.address, topics.seen, { '{"n":21}' }, { partition = 0 })
    written = 21
    check(streams)
    kafka.admin.delete(broker.address, topics.live)
    eventually(function() return streams.live:events()[22] end)
    assert.equal("gap", streams.live:events()[22].event)
    kafka.produce(broker.address, topics.live, { "new" }, { partition = 0 })
    eventually(function() return streams.live:events()[23] end)
    assert.equal("new", streams.live:events()[23].data)
    close(streams)
  end)

  it("goes on over the death of its brain while the broker is away", function()
    start()
    local streams = both()
    write(200)
    check(streams)
    broker:signal "sigstop"
    one:replace_brain(status)
    broker:signal "sigcont"
    write(200)
    check(streams)
    close(streams)
  end)
end)
