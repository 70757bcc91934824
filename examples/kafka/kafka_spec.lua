-- SPDX-License-Identifier: MIT
-- The example as its README tells it, on a real broker where there is one.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local server = require "spec.support.server"

describe("examples/kafka", function()
  after_each(server.stop_all)

  it("is free of mistakes, the secure config too", function()
    for _, name in ipairs { "config.lua", "secure.lua" } do
      local done = server.run({ "check", "examples/kafka/" .. name }, {
        env = { KAFKA_BROKERS = "a:9093,b:9093", KAFKA_USER = "stentor", KAFKA_PASSWORD = "x" },
      })
      assert.equal(0, done.code, done.err)
    end
  end)

  it("says which variable the secure config misses", function()
    local done = server.run({ "check", "examples/kafka/secure.lua" },
      { env = { KAFKA_BROKERS = "a:9093", KAFKA_USER = "stentor" } })
    assert.equal(1, done.code)
    assert.matches('env "KAFKA_PASSWORD": this environment variable is not set', done.err, 1, true)
  end)

  local broker = kafka.shared()

  it("copies what is published to the topic", broker and function()
    local one = server.start { folder = "examples/kafka",
      env = { KAFKA_BROKERS = broker.address } }
    local status, _, body = one:request { method = "POST", path = "/publish",
      body = '{"user":"ann","text":"hello"}' }
    assert.equal(202, status)
    local id = cjson.decode(body).id
    eventually(function()
      for _, record in ipairs(kafka.read(broker.address, "events")) do
        if cjson.encode(record):find(id, 1, true) then return true end
      end
    end)
    local _, _, text = one:request { path = "/kafka/status" }
    assert.is_true(cjson.decode(text).producer.connected)
  end)
end)
