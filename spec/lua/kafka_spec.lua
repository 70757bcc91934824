-- SPDX-License-Identifier: MIT
-- The word `kafka`, its topics, and what channels and scripts do with them.
local support = require "spec.lua.support"

local LISTEN = 'listen "127.0.0.1:3000"\n'
local USED = 'route "GET /e" { stream = function() return e end }\n'
local FED = 'every("1s", function() e:publish "x" end)\n'

local function errors(text) return support.errors(LISTEN .. text) end

describe("kafka", function()
  it("takes brokers, settings of librdkafka's and an outbox", function()
    local run = support.run(LISTEN .. 'local bus = kafka {\n  brokers = { "a:9092", "b" },'
      .. '\n  outbox = "2M", settings = { ["linger.ms"] = 5, ["socket.keepalive.enable"] = false }'
      .. '\n}\nlocal e = channel "e" { into = bus:topic "t" }\n' .. USED .. FED)
    assert.same({ { name = "kafka", brokers = "a:9092,b", count = 2, outbox = 2 * 2 ^ 20,
      settings = "linger.ms\0005\0socket.keepalive.enable\0false\0" } }, run.core.buses)
    assert.same({ { bus = 0, name = "t", partitions = 0, drops = false, has_channels = true } },
      run.core.topics)
    assert.same({ { 0, 1 } }, run.core.copied)
    assert.is_true(run.core.kafka_started)
  end)

  it("tells clusters from one another by their names", function()
    local run = support.run(LISTEN .. 'local a = kafka { brokers = "a" }\n'
      .. 'local b = kafka { name = "archive", brokers = "b" }\n'
      .. 'local e = channel "e" { into = a:topic "t" }\n' .. USED .. FED)
    assert.same({ "kafka", "archive" }, { run.core.buses[1].name, run.core.buses[2].name })
    assert.equal('config.lua:3: kafka: the one on line 2 of config.lua is named "kafka" as well; '
      .. 'give the newer one a name of its own, as in kafka { name = "archive", brokers = … } '
      .. '(what is known of a cluster is kept under its name)',
      errors 'kafka { brokers = "a" }\nkafka { brokers = "b" }')
    assert.equal("config.lua:2: kafka: name: expected at most 32 letters, digits, . _ and -, "
      .. 'got "a b"', errors 'kafka { name = "a b", brokers = "a" }')
  end)

  it("asks for the embedded broker", function()
    local run = support.run(LISTEN .. 'kafka { brokers = "embedded" }\n'
      .. 'local e = channel "e" {}\n' .. USED .. FED)
    assert.is_true(run.core.planned.embedded_kafka)
  end)

  it("gives one topic of one name, with the settings it has somewhere", function()
    local run = support.run(LISTEN .. 'local bus = kafka { brokers = "a" }\n'
      .. 'local e = channel "e" { into = bus:topic "t" }\n'
      .. 'local f = channel "f" { into = bus:topic("t", { full = "drop", partitions = 3 }) }\n'
      .. USED .. FED .. 'every("1s", function() f:publish "x" end)')
    assert.equal(1, #run.core.topics)
    assert.is_true(run.core.topics[1].drops)
    assert.equal(3, run.core.topics[1].partitions)
  end)

  it("copies members of families that an earlier brain had", function()
    local core = require("spec.lua.fake_core").new()
    core.there = { "rooms/7", "", "other" }
    local run = support.run(LISTEN .. 'local bus = kafka { brokers = "a" }\n'
      .. 'local e = channel "rooms/:id" { into = bus:topic "t" }\n'
      .. 'route "GET /:id" { stream = function(request) return e(request.params.id) end }\n'
      .. 'every("1h", function() e(1):publish "x" end)\n', nil, core)
    assert.same({ { 0, 0 } }, run.core.copied)
  end)

  it("says where a setting is wrong, in librdkafka's words", function()
    assert.equal('config.lua:5: kafka: settings.security.protocol: Invalid value "wrong" for '
      .. 'configuration property "security.protocol"',
      errors('kafka {\n  brokers = "a",\n  settings = {\n    ["security.protocol"] = "wrong",\n'
        .. "  },\n}"))
    assert.equal("config.lua:2: kafka: settings.linger.ms: expected a text, a number, true or "
      .. "false, got a table", errors 'kafka { brokers = "a", settings = { ["linger.ms"] = {} } }')
  end)

  it("says what else is wrong, at its line", function()
    assert.equal('config.lua:2: kafka: brokers: expected "host:port" of one broker or several, '
      .. 'a list of them, or "embedded", got "kafka://a"', errors 'kafka { brokers = "kafka://a" }')
    assert.equal('config.lua:2: kafka: setting "brokers" is missing', errors "kafka {}")
    assert.equal('config.lua:4: topic "t": full: expected one of "block", "drop", got "x"',
      errors('local bus = kafka { brokers = "a" }\nlocal e = channel "e" { into = bus:topic("t", {'
        .. '\n  full = "x" }) }\n' .. USED .. FED))
    assert.equal('config.lua:3: topic "a b": a topic\'s name is at most 249 letters, digits, '
      .. '. _ and -', errors 'local bus = kafka { brokers = "a" }\nbus:topic "a b"')
    assert.equal('config.lua:4: topic "t": has its settings already, on line 3 of config.lua',
      errors('local bus = kafka { brokers = "a" }\nlocal t = bus:topic("t", {})\n'
        .. 'bus:topic("t", { full = "drop" })'))
    assert.equal('config.lua:2: channel "e": into: expected a topic, as in bus:topic "events", '
      .. 'got "t"', errors('local e = channel "e" { into = "t" }\n' .. USED .. FED))
  end)

  it("does not ask that somebody streams a channel that is copied", function()
    assert.is_nil(errors('local bus = kafka { brokers = "a" }\n'
      .. 'local e = channel "e" { into = bus:topic "t" }\n' .. FED))
  end)
end)

local PUBLISHING = LISTEN .. [[
local bus = kafka { brokers = "a" }
local t = bus:topic("t", { key = "id" })
local e = channel "e" { into = t }
route "GET /e" { stream = e }
route "POST /e" { respond = function(request) return 202, e:publish(request.body) end }
route "POST /t" { respond = function(request)
  local partition, offset = t:publish(request:json(), { headers = { a = "b" } })
  return 200, tostring(partition) .. " " .. tostring(offset)
end }
every("1s", function() log.info("said " .. tostring(e:publish "tick")) end)
]]

describe("a topic", function()
  local run
  before_each(function() run = support.run(PUBLISHING) end)

  it("answers once Kafka has the record", function()
    local ticket = run.core:request("POST /t", { body = '{"id":7}' })
    run.pump()
    assert.is_nil(run.core.answers[ticket])
    assert.same({ { topic = 0, value = '{"id":7}', key = "7", headers = "a\0b\0" } },
      run.core.records)
    run.core:push("delivered", { ticket = 1, partition = 2, offset = 40 })
    run.pump()
    assert.equal("2 40", run.core.answers[ticket].body)
  end)

  it("tells why it failed", function()
    local ticket = run.core:request("POST /t", { body = "{}" })
    run.pump()
    run.core:push("delivered", { ticket = 1, reason = "Broker: Message size too large" })
    run.pump()
    assert.equal("nil Broker: Message size too large", run.core.answers[ticket].body)
    run.core.fails.topic_publish = { message = "full", name = "EFULL" }
    assert.equal("nil full", run.ask("POST /t", { body = "{}" }).body)
  end)

  it("does not wait for ever", function()
    local first = run.core:request("POST /t", { body = "{}" })
    run.pump()
    run.advance(4000)
    local second = run.core:request("POST /t", { body = "{}" })
    run.pump()
    run.advance(6500)
    assert.equal("nil timeout", run.core.answers[first].body)
    assert.is_nil(run.core.answers[second])
    run.advance(4000)
    assert.equal("nil timeout", run.core.answers[second].body)
    run.core:push("delivered", { ticket = 1, partition = 0, offset = 1 }) -- too late
    run.pump()
  end)
end)

describe("a channel whose sink is full", function()
  it("refuses a request and lets others wait", function()
    local run = support.run(PUBLISHING)
    run.core.fails.publish = { message = "full", name = "EFULL" }
    assert.equal(1000, run.ask("POST /e", { body = "x" }).later)
    run.advance(1000)
    run.advance(500)
    assert.is_nil(run.core:log_text():find "said")
    run.core.fails.publish = nil
    run.advance(100)
    assert.equal("said id-1", run.core:log_text())
  end)

  it("answers requests as before when there is room", function()
    local run = support.run(PUBLISHING)
    assert.equal(202, run.ask("POST /e", { body = "x" }).status)
    assert.is_nil(next(run.server.requests))
  end)
end)
