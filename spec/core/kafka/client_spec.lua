-- SPDX-License-Identifier: MIT
--- The client on a loop, against a broker that goes away, hangs and comes back.
local loop = require "spec.core.kafka.loop"
local mock = require "spec.core.kafka.mock"
local kafka = require "spec.support.kafka"
local ffi, lib = loop.ffi, loop.lib

ffi.cdef [[
int rd_kafka_version(void);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *topic, void *conf);
void rd_kafka_topic_destroy(rd_kafka_topic_t *topic);
int rd_kafka_produce(rd_kafka_topic_t *topic, int32_t partition, int flags, void *payload,
  size_t size, const void *key, size_t key_size, void *opaque);
int rd_kafka_event_type(const rd_kafka_event_t *event);
size_t rd_kafka_event_message_count(rd_kafka_event_t *event);
]]
local rdkafka = ffi.load "librdkafka.so.1"
local DR, COPY, ANY = 1, 2, -1

local broker, turns

-- A client of the spec's: `.delivered` messages, `.closed`.
local function open(settings)
  local self = { client = ffi.new "struct kafka_client", delivered = 0 }
  local function callback(kind, fn)
    local made = ffi.cast(kind, fn)
    self[#self + 1] = made
    return made
  end
  self.events = ffi.new "struct kafka_client_events"
  self.events.on_event = callback("bool (*)(struct kafka_client *, rd_kafka_event_t *)",
    function(_, event)
      if rdkafka.rd_kafka_event_type(event) == DR then
        self.delivered = self.delivered + tonumber(rdkafka.rd_kafka_event_message_count(event))
      end
      return false
    end)
  self.events.on_closed = callback("void (*)(struct kafka_client *)",
    function() self.closed = true end)
  local given, keep = loop.pairs(settings)
  local why = ffi.new "char[256]"
  self.keep = keep
  local code = lib.client_open(self.client, turns.uv, 0, "kafka producer", broker.address, given,
    loop.pairs(), self.events, nil, why)
  return code == 0 and self or nil, ffi.string(why)
end

local function close(self)
  lib.client_close(self.client)
  turns:until_true(function() return self.closed end)
  for _, callback in ipairs(self) do callback:free() end
end

describe("a kafka client", function()
  before_each(function()
    broker, turns = mock.start(), loop.new()
  end)
  after_each(function()
    turns:close()
    broker:stop()
  end)

  local function connected(self, wanted)
    turns:until_true(function() return self.client.connected == wanted end, kafka.SOON)
  end

  it("delivers what is produced", function()
    local one = open()
    local topic = rdkafka.rd_kafka_topic_new(one.client.rk, "t", nil)
    for i = 1, 5000 do
      assert.equal(0, rdkafka.rd_kafka_produce(topic, ANY, COPY, ffi.cast("char *", "hello"), 5,
        tostring(i), 1, nil))
    end
    turns:until_true(function() return one.delivered == 5000 end)
    rdkafka.rd_kafka_topic_destroy(topic)
    close(one)
  end)

  it("knows soon that its broker is gone, and that it is back", function()
    local one = open()
    connected(one, true)
    broker:tell "down"
    connected(one, false)
    broker:tell "up"
    connected(one, true)
    close(one)
  end)

  it("knows soon that its broker hangs", function()
    local one = open()
    -- What is refreshed are the topics that it knows.
    local topic = rdkafka.rd_kafka_topic_new(one.client.rk, "t", nil)
    connected(one, true)
    broker:kill "sigstop"
    connected(one, false)
    broker:kill "sigcont"
    connected(one, true)
    rdkafka.rd_kafka_topic_destroy(topic)
    close(one)
  end)

  it("ends with its broker gone and messages left", function()
    local one = open()
    local topic = rdkafka.rd_kafka_topic_new(one.client.rk, "t", nil)
    connected(one, true)
    broker:kill "sigstop"
    rdkafka.rd_kafka_produce(topic, ANY, COPY, ffi.cast("char *", "x"), 1, "k", 1, nil)
    rdkafka.rd_kafka_topic_destroy(topic)
    close(one)
    broker:kill "sigcont"
  end)

  it("waits for a job before it ends", function()
    local one = open()
    local done
    local on_done = ffi.cast("void (*)(struct kafka_client *, void *)",
      function(client) done = client.closing end)
    -- The job runs in another thread, where no callback of Lua's may be called.
    local work = ffi.cast("void (*)(struct kafka_client *, void *)", rdkafka.rd_kafka_version)
    lib.client_run(one.client, work, on_done, nil)
    close(one)
    assert.is_true(done)
    on_done:free()
  end)

  it("says why it cannot begin", function()
    local one, why = open { ["ssl.ca.location"] = "/nowhere", ["security.protocol"] = "ssl" }
    assert.is_nil(one)
    assert.is_truthy(why:find("/nowhere", 1, true) or why:find("ssl.ca.location", 1, true), why)
  end)
end)
