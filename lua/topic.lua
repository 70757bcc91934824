-- SPDX-License-Identifier: MIT
-- A Kafka topic: what bus:topic(name) returns. Channels are copied to it with
-- `into`, or fed by it with `from`; topic:publish writes one record and waits
-- until Kafka has it; topic:on("record", fn) reads.
local json = require "stentor.json"
local key = require "stentor.key"
local standin = require "stentor.config.standin"
local source = require "stentor.source"
local suggest = require "stentor.config.suggest"

local topic = {}
topic.__index = topic

local OPTIONS = { key = true, headers = true }

function topic:__tostring()
  return ('topic "%s"'):format(self.name)
end

function topic.is(value)
  return getmetatable(value) == topic
end

-- `options`: as config/kafka.lua has checked them.
function topic.new(bus, name, options)
  local self = setmetatable({ bus = bus, server = bus.server, name = name,
    number = nil, has_channels = false, handlers = {}, consumers = {},
    channels = {}, sources = {} }, topic)
  self:set_options(options)
  return self
end

function topic:set_options(options)
  self.options = options
  self.key_of = options.key and key.new(options.key)
  self.plain = options.decode == "text" -- its records' data is their text
end

-- true; or nil, message.
function topic:open()
  local number, why = self.server.core.topic(self.bus.number, self.name,
    self.options.partitions or 0, self.options.full == "drop",
    self.has_channels)
  if not number then return nil, why end
  self.number = number
  return true
end

-- --- reading ---

-- Calls `fn(record)` for each record.
function topic:on(what, fn)
  local server = self.server
  server:only_loading("on")
  if standin.is(what) or standin.is(fn) then return end
  if what ~= "record" then
    return server:complain(('%s: on: unknown event %s'):format(tostring(self),
      suggest.unknown(what, { record = true })))
  end
  if type(fn) ~= "function" then
    return server:complain(('%s: on "record": expected a function')
      :format(tostring(self)))
  end
  table.insert(self.handlers, fn)
end

-- For aggregates: `consumer:positions()` says where to begin (partition →
-- offset), or nil; `consumer:take(view, count)` gets batches (record.lua);
-- `consumer:lost(text)` hears of records that were gone; `consumer.title`.
function topic:feed(consumer)
  table.insert(self.consumers, consumer)
end

-- A channel that all records go to.
function topic:feed_channel(channel)
  table.insert(self.channels, channel)
end

local function add_source(self, reader, title)
  local one = source.new(self, reader, title)
  table.insert(self.sources, one)
  return one
end

local NEWEST, OLDEST = { name = "newest" }, { name = "oldest" }

-- A record may bear a name or a key that an event cannot have. It goes without
-- them, as it does where C feeds the channel (core/brain/source_feed.c).
local function publish_to(channel)
  return function(record)
    local name, of = record.headers.event, record.key
    if name and (#name > channel.NAME_MAX or name == "gap"
        or name:find("[\r\n%z]")) then
      name = nil
    end
    if of and #of > channel.NAME_MAX then of = nil end
    channel:publish(record.text or "", { key = of, event = name })
  end
end

-- The channels that C feeds alone, and the handlers of all else. A group's
-- members share the partitions, so in a group all has to be done by one.
local function share_out(self)
  local plain, handlers = {}, { unpack(self.handlers) }
  local all_plain = #handlers == 0
  for _, channel in ipairs(self.channels) do
    all_plain = all_plain and channel:is_plain()
  end
  local most = self.server.core.feeds_max
  for _, channel in ipairs(self.channels) do
    if channel:is_plain() and #plain < most
        and (all_plain or not self.options.group) then
      plain[#plain + 1] = channel
    else
      handlers[#handlers + 1] = publish_to(channel)
    end
  end
  return plain, handlers
end

-- Begins to read: this brain is in charge. true; or nil, message.
function topic:read()
  local options = self.options
  self.sources = {}
  local plain, handlers = share_out(self)
  local function open(one, ...)
    local ok, why = one:open(...)
    return ok and one, why
  end
  local ok, why = true, nil
  if #plain > 0 then
    ok, why = open(add_source(self, "channels", tostring(self)), nil,
      options.start or NEWEST, options.group)
    if ok then ok, why = ok:feed(plain) end
  end
  if ok and #handlers > 0 then
    local one = add_source(self, "handlers", tostring(self))
    one:use_handlers(handlers)
    ok, why = open(one, nil, options.start or NEWEST, options.group)
  end
  -- All partitions, whatever the group: what it knows is over all.
  for _, consumer in ipairs(self.consumers) do
    if not ok then break end
    local one = add_source(self, consumer.title, consumer.title)
    one:use_consumer(consumer)
    ok, why = open(one, consumer:positions(), options.start or OLDEST)
  end
  if not ok then return nil, why end
  return true
end

-- --- writing ---

-- "name\0value\0…" and how many.
local function header_pairs(headers)
  if headers == nil then return "", 0 end
  if type(headers) ~= "table" then
    error("publish: headers must be a table", 3)
  end
  local list = {}
  for name, value in pairs(headers) do
    if type(name) ~= "string" or (name .. tostring(value)):find("%z") then
      error("publish: headers are names and texts without NUL", 3)
    end
    list[#list + 1] = name .. "\0" .. tostring(value) .. "\0"
  end
  return table.concat(list), #list
end

local function text_of(value)
  if type(value) == "string" then return value end
  local ok, text = pcall(json.encode, value)
  if not ok then error("publish: " .. text, 3) end
  return text
end

-- Without one, a record goes to any partition.
local function key_text(self, value, text, options)
  local given = options and options.key
  if given ~= nil then return tostring(given) end
  if not self.key_of then return "" end
  local data = value
  if type(value) == "string" then data = json.decode(value) end
  return self.key_of { data = data, text = text } or ""
end

-- The coroutine that may wait for an answer of Kafka's.
local function waiting_coroutine(server)
  if server.may_not_wait then
    error("publish to a topic: a channel's gate may not wait", 3)
  end
  return server.pool:current() or error("publish to a topic: a coroutine of "
    .. "your own cannot wait; use task", 3)
end

-- A text goes as it is, all else as JSON. Waits until Kafka has it: returns its
-- partition and offset; or nil and why not: "full" when too much waits already,
-- "timeout" when Kafka did not answer in time (it may still get it).
function topic:publish(value, options)
  local server = self.server
  if not server:may_act("publish") then return standin.new() end
  if options ~= nil then
    suggest.check_options("publish", options, OPTIONS, 3)
  end
  local text = text_of(value)
  local co = waiting_coroutine(server)
  local headers, count = header_pairs(options and options.headers)
  local ticket, why, name = server.core.topic_publish(self.number, text,
    key_text(self, value, text, options), headers, count)
  if not ticket then return nil, name == "EFULL" and "full" or why end
  return server.deliveries:wait(ticket, co)
end

return topic
