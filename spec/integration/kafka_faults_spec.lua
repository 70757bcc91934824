-- SPDX-License-Identifier: MIT
--- What can happen to Kafka while channels are copied to it. The longest outage
-- is a few seconds; STENTOR_KAFKA_DOWN=60 makes it a minute.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local load = require "spec.integration.kafka_load"
local server = require "spec.support.server"

local down_seconds = tonumber(os.getenv "STENTOR_KAFKA_DOWN") or 2

describe("a sink whose broker", function()
  local broker, why = kafka.own "faults"
  if not broker then return pending(why) end
  local one

  after_each(function()
    server.stop_all()
    broker:signal "sigcont"
  end)
  teardown(kafka.remove_all)

  local function connected(topic, wanted)
    eventually(function()
      return load.status(one, topic).connected == wanted
    end, kafka.SOON)
  end

  -- Lets the load go on for so long.
  local function go_on(seconds)
    local stop = uv.hrtime() + seconds * 1e9
    eventually(function() return uv.hrtime() > stop end, seconds + 10)
  end

  it("is down for a while: all arrives after, in order, once", function()
    local topic = broker:topic(2)
    one = load.start(broker.address, topic)
    load.tick(one, 10) -- 1,000 a second
    eventually(function() return select(2, load.status(one, topic)).acked > 500 end)
    broker:signal "sigkill"
    connected(topic, false)
    go_on(down_seconds)
    assert(broker:start())
    connected(topic, true)
    local count = load.tick(one, 0)
    local state = load.drained(one, topic)
    assert.equal(count, load.check(broker.address, topic, load.numbers(count)))
    assert.is_true(count > down_seconds * 500)
    assert.same({ 0, 0, 0 }, { state.possibly_doubled, state.failed, state.refused })
  end)

  it("hangs: that is seen, also while nothing is sent, and nothing is lost", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic)
    connected(topic, true)
    broker:signal "sigstop"
    connected(topic, false)
    broker:signal "sigcont"
    connected(topic, true)
    load.tick(one, 5)
    eventually(function() return select(2, load.status(one, topic)).acked > 200 end)
    broker:signal "sigstop"
    connected(topic, false)
    broker:signal "sigcont"
    connected(topic, true)
    local count = load.tick(one, 0)
    load.drained(one, topic)
    assert.equal(count, load.check(broker.address, topic, load.numbers(count)))
  end)

  it("is absent at the start", function()
    local topic = broker:topic(1)
    broker:stop()
    one = load.start(broker.address, topic)
    load.tick(one, 5)
    local before = load.tick(one, 5)
    eventually(function() return load.tick(one, 5) > before + 200 end)
    assert.is_false(load.status(one, topic).connected)
    assert(broker:start())
    connected(topic, true)
    local count = load.tick(one, 0)
    load.drained(one, topic)
    assert.equal(count, load.check(broker.address, topic, load.numbers(count)))
  end)

  it("dies with the brain: the next brain goes on", function()
    local topic = broker:topic(2)
    one = load.start(broker.address, topic)
    local publisher = load.publisher(one, "p1")
    eventually(function() return select(2, load.status(one, topic)).acked > 200 end)
    broker:signal "sigkill"
    load.kill_brain(one)
    local acks = publisher.acks
    eventually(function() return publisher.acks > acks + 200 end)
    assert(broker:start())
    load.stop { publisher }
    load.drained(one, topic)
    load.check(broker.address, topic, { p1 = publisher.acked })
  end)

  it("is down longer than the journal reaches: the outbox keeps what waits", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic, { head = 'journal { size = "1M" }' })
    connected(topic, true)
    broker:signal "sigkill"
    load.tick(one, 50)
    eventually(function() return select(2, load.status(one, topic)).outbox_bytes > 1000000 end)
    -- The outbox is the supervisor's: it outlives the brain.
    local count = load.tick(one, 0)
    load.kill_brain(one)
    eventually(function() return load.status(one, topic) end)
    assert(broker:start())
    local state = load.drained(one, topic)
    assert.equal(0, state.outbox_bytes)
    assert.equal(count, load.check(broker.address, topic, load.numbers(count)))
  end)

  it("is down until the outbox is full: publishing to that channel is refused", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic,
      { head = 'journal { size = "1M" }', bus = 'outbox = "1M"' })
    connected(topic, true)
    broker:signal "sigkill"
    load.tick(one, 100)
    eventually(function() return select(2, load.status(one, topic)).state == "full" end)
    local request = { method = "POST", path = "/publish", body = "p1 1" }
    assert.equal(503, (one:request(request)))
    -- A channel of nobody's, and streams, are as before.
    for i = 1, 200 do
      assert.equal(202, (one:request { method = "POST", path = "/free",
        body = ("x"):rep(10000) .. i }))
    end
    assert.is_true(select(2, load.status(one, topic)).refused > 0)
    assert(broker:start())
    eventually(function() return (one:request(request)) == 202 end)
    local count = load.tick(one, 0)
    local state = load.drained(one, topic)
    assert.equal(0, state.dropped)
    -- Timers have waited and go on: nothing that was answered is missing.
    local acked = load.numbers(count)
    acked.p1 = { true }
    load.check(broker.address, topic, acked)
    assert.is_truthy(one:log():find("the outbox is full", 1, true))
  end)

  it("is down until the outbox is full: or events are dropped, and counted", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic,
      { head = 'journal { size = "1M" }', bus = 'outbox = "1M"', topic = 'full = "drop"' })
    connected(topic, true)
    broker:signal "sigkill"
    load.tick(one, 100)
    eventually(function() return select(2, load.status(one, topic)).dropped > 1000 end)
    assert.equal(202, (one:request { method = "POST", path = "/publish", body = "p1 1" }))
    local count = load.tick(one, 0)
    assert(broker:start())
    local state = load.drained(one, topic)
    assert.equal(count + 1, load.check(broker.address, topic, {}) + state.dropped)
    assert.equal(0, state.refused)
  end)

  it("is down while rooms come and go: they give way, and what waits is kept", function()
    local topic = broker:topic(1)
    broker:stop()
    one = server.start(([[
workers(1)
limits { channels = 8 }
local bus = kafka { brokers = "%s" }
local events = channel "events" { replay = "all", into = bus:topic "%s" }
local rooms = channel "rooms/:id" { replay = "all", idle = "1s" }
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "POST /events" { respond = function(request) return 202, events:publish(request.body) end }
route "POST /rooms/:id" {
  respond = function(request) return 202, rooms(request.params.id):publish(request.body) end,
}
]]):format(broker.address, topic))
    -- Unused rooms are looked for every ten seconds.
    for n = 1, 10 do
      assert.equal(202, one:request { method = "POST", path = "/events", body = tostring(n) })
      eventually(function()
        local status = one:request { method = "POST", path = "/rooms/" .. n, body = "x" }
        return status == 202 or error(status .. one:log())
      end)
    end
    assert(broker:start())
    eventually(function() return #kafka.read(broker.address, topic) >= 10 end)
    for n, record in ipairs(kafka.read(broker.address, topic)) do
      assert.equal(tostring(n), record.text)
    end
  end)

  it("loses the topic: it goes on with the new one", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic)
    load.tick(one, 5)
    eventually(function() return select(2, load.status(one, topic)).acked > 200 end)
    kafka.admin.delete(broker.address, topic)
    eventually(function() return select(2, load.status(one, topic)).restarts > 0 end)
    local before = load.tick(one, 5)
    eventually(function()
      local _, state = load.status(one, topic)
      return state.state == "sending" and state.waiting < 100
    end)
    local count = load.tick(one, 0)
    load.drained(one, topic)
    local wanted = {}
    for number = before + 1, count do wanted[number] = true end
    load.check(broker.address, topic, { tick = wanted })
  end)

  it("gets more partitions: nothing is lost or doubled", function()
    local topic = broker:topic(1)
    one = load.start(broker.address, topic)
    load.tick(one, 5)
    eventually(function() return select(2, load.status(one, topic)).acked > 200 end)
    kafka.admin.add_partitions(broker.address, topic, 4)
    local before = load.tick(one, 5)
    eventually(function() return load.tick(one, 5) > before + 500 end)
    local count = load.tick(one, 0)
    load.kill_brain(one)
    eventually(function() return load.status(one, topic) end)
    load.drained(one, topic)
    -- The key's partition may have changed: order is per partition.
    local seen = 0
    for _, record in ipairs(kafka.read(broker.address, topic)) do
      seen = seen + (tonumber(record.text) and 1 or 0)
    end
    assert.equal(count, seen)
  end)
end)
