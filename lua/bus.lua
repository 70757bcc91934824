-- SPDX-License-Identifier: MIT
-- A Kafka cluster: what `kafka {…}` returns. Its topics write and are read;
-- this knows how it is.
local bus = {}
bus.__index = bus

function bus:__tostring()
  return ('kafka "%s"'):format(self.settings.brokers)
end

function bus.is(value)
  return getmetatable(value) == bus
end

-- `declare_topic(self, name, options)` checks and makes a topic.
function bus.new(server, settings, declare_topic)
  return setmetatable({ server = server, settings = settings,
    name = settings.name, topics = {}, topic_list = {}, number = nil,
    declare_topic = declare_topic }, bus)
end

function bus:topic(name, options)
  return self.declare_topic(self, name, options)
end

local function each_topic(self, method)
  for _, topic in ipairs(self.topic_list) do
    local ok, why = topic[method](topic)
    if not ok then
      return nil, ('topic "%s": %s'):format(topic.name, why)
    end
  end
  return true
end

-- Opens it and what is written to: this brain is in charge. true; or nil,
-- message.
function bus:open()
  local settings = self.settings
  local number, why = self.server.core.bus(settings)
  if not number then return nil, why end
  self.number = number
  return each_topic(self, "open")
end

-- Begins to read: once all is there that records may be handed to. true; or
-- nil, message.
function bus:read()
  return each_topic(self, "read")
end

-- All that is read, by topic; `connected` if every source of it is.
local function consumer_status(self)
  local consumer = { connected = false, topics = {}, lag = nil, restarts = 0 }
  local all, any = true, false
  for _, topic in ipairs(self.topic_list) do
    for _, source in ipairs(topic.sources) do
      local one = source:status()
      if one then
        any, all = true, all and one.connected
        consumer.restarts = consumer.restarts + one.restarts
        if one.lag then consumer.lag = (consumer.lag or 0) + one.lag end
        local list = consumer.topics[topic.name] or {}
        list[#list + 1] = one
        consumer.topics[topic.name] = list
      end
    end
  end
  consumer.connected = any and all
  return consumer
end

-- How it is, as a table for JSON.
function bus:status()
  local server = self.server
  if not server:may_act("status") then return {} end
  local producer = server.core.producer_status(self.number)
  producer.topics = {}
  for _, topic in ipairs(self.topic_list) do
    if topic.number then
      producer.topics[topic.name] = server.core.topic_status(topic.number)
    end
  end
  return { brokers = server.core.bus_brokers(self.number),
    embedded = self.settings.brokers == "embedded", producer = producer,
    consumer = consumer_status(self) }
end

-- The same in few lines, for `stentor status`.
function bus:summary()
  local status = self:status()
  local topics = {}
  for name, topic in pairs(status.producer.topics) do
    topics[name] = { waiting = topic.waiting, acked = topic.acked }
  end
  for name, sources in pairs(status.consumer.topics) do
    topics[name] = topics[name] or {}
    for _, source in ipairs(sources) do
      topics[name][source.reader] = { lag = source.lag,
        records = source.records, lost = source.lost }
    end
  end
  return { brokers = status.brokers, embedded = status.embedded,
    producer_connected = status.producer.connected,
    consumer_connected = status.consumer.connected, topics = topics }
end

return bus
