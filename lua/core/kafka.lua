-- SPDX-License-Identifier: MIT
-- The part of lua/core.lua that concerns Kafka; it is handed `ffi`, which only
-- that file requires.

-- `tools`: { ffi, C, failure, check } of core.lua.
return function(self, brain, tools)
  local ffi, C, failure = tools.ffi, tools.C, tools.failure
  local check = tools.check
  local bus = ffi.new("struct stentor_bus")
  local topic = ffi.new("struct stentor_topic")
  local message = ffi.new("struct stentor_message")
  local producer = ffi.new("struct stentor_producer_status")
  local sink = ffi.new("struct stentor_topic_status")
  local why = ffi.new("char[256]")
  local ticket = 0

  local function set_text(text, value)
    text.bytes, text.size = value, #value
  end

  local function set_pairs(pairs, bytes, count)
    pairs.bytes, pairs.size, pairs.count = bytes, #bytes, count
  end

  -- Whether librdkafka has the setting and takes the value; or nil, why.
  function self.kafka_check(name, value)
    check(type(name) == "string" and type(value) == "string", "two texts")
    if C.stentor_kafka_check(name, value, why) == 0 then return true end
    return nil, ffi.string(why)
  end

  -- The number of a cluster. `wanted`: name, brokers, settings
  -- ("name\0value\0…"), setting_count, outbox (bytes).
  function self.bus(wanted)
    set_text(bus.name, wanted.name)
    set_text(bus.brokers, wanted.brokers)
    set_pairs(bus.settings, wanted.settings, wanted.setting_count)
    bus.outbox_bytes = wanted.outbox
    local number = C.stentor_bus(brain, bus)
    if number < 0 then return failure(number) end
    return number
  end

  -- The number of a topic that is written to.
  function self.topic(on, name, partitions, drops, has_channels)
    set_text(topic.name, name)
    topic.bus, topic.partitions = on, partitions
    topic.drops, topic.has_channels = drops and 1 or 0, has_channels and 1 or 0
    local number = C.stentor_topic(brain, topic)
    if number < 0 then return failure(number) end
    return number
  end

  -- From now on the channel is copied to the topic.
  function self.topic_channel(number, channel)
    local code = C.stentor_topic_channel(brain, number, channel)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- All buses, topics and channels are known: begins to copy.
  function self.kafka_start()
    C.stentor_kafka_start(brain)
  end

  -- The ticket that a DELIVERED item will bear; or nil, message, name.
  function self.topic_publish(number, value, key, headers, count)
    ticket = ticket + 1
    set_text(message.value, value)
    set_text(message.key, key)
    set_pairs(message.headers, headers, count)
    message.ticket = ticket
    local code = C.stentor_topic_publish(brain, number, message)
    if code ~= 0 then return failure(code) end
    return ticket
  end

  -- What a bus connects to.
  function self.bus_brokers(number)
    return ffi.string(C.stentor_bus_brokers(brain, number))
  end

  function self.producer_status(number)
    local code = C.stentor_producer_status(brain, number, producer)
    if code ~= 0 then return failure(code) end
    return { connected = producer.connected ~= 0,
      queue = tonumber(producer.queue_messages),
      queue_bytes = tonumber(producer.queue_bytes),
      acked = tonumber(producer.acked), failed = tonumber(producer.failed),
      restarts = tonumber(producer.restarts) }
  end

  local STATES = { [0] = "starting", "reading", "sending", "waiting", "full" }

  function self.topic_status(number)
    local code = C.stentor_topic_status(brain, number, sink)
    if code ~= 0 then return failure(code) end
    if sink.has_channels == 0 then
      return { acked = tonumber(sink.acked), failed = tonumber(sink.failed) }
    end
    return { state = STATES[sink.state], waiting = tonumber(sink.waiting),
      waiting_bytes = tonumber(sink.waiting_bytes),
      outbox_bytes = tonumber(sink.outbox_bytes),
      oldest_ms = tonumber(sink.oldest_ms), acked = tonumber(sink.acked),
      failed = tonumber(sink.failed), requeued = tonumber(sink.requeued),
      skipped = tonumber(sink.skipped), dropped = tonumber(sink.dropped),
      refused = tonumber(sink.refused), restarts = tonumber(sink.restarts),
      possibly_doubled = tonumber(sink.possibly_doubled) }
  end
end
