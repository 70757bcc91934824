-- SPDX-License-Identifier: MIT
-- Stands in for lua/core.lua: the same functions, with the C side played by
-- tables. Items are queued by the spec; time passes when it says so.
local reader = require "spec.lua.fake_reader"

local sources = require "spec.lua.fake_sources"

local fake = {}

fake.kinds = { request = 1, opened = 2, closed = 3, lost = 4, timer = 5, go = 6,
  release = 7, resume = 8, status = 9, stop = 10, moved = 11,
  delivered = 12, appended = 13, source = 14 }
fake.since = { now = 0, count = 1, time = 2, all = 3 }
fake.levels = { debug = 0, info = 1, warn = 2, error = 3 }
fake.networks_max = 64
fake.workers_max = 64
fake.listeners_max, fake.host_bytes, fake.heartbeat_bytes = 16, 64, 512
fake.control_bytes, fake.status_bytes = 104, 16000
fake.loading_time = function() end
fake.buses_max = 4

-- A borrowed text of an item: has a size, like the real one.
local text_mt = {}

local function text(value)
  return setmetatable({ bytes = value or "", size = #(value or "") }, text_mt)
end

function fake.text(value) return value.bytes end

function fake.ticket_text(ticket) return tostring(ticket) end

function fake.ticket_worker(ticket) return math.floor(ticket / 1000) end

function fake.item_channels(item) return item.channels end

function fake.network(given)
  return given:find "^[%d.]+/?%d*$" and given or nil
end

function fake.policy(policy) return policy end

function fake.target(numbers) return { numbers = numbers } end

local Core = {}
Core.__index = function(_, name) return Core[name] or fake[name] end

function fake.new()
  local self = setmetatable({ items = {}, taken = 0, time = 1000, wall = 1700000000000,
    logged = {}, answers = {}, made = {}, events = {}, listening = {}, there = {},
    ticket = 0, seq = 0, fails = {} }, Core)
  for _, name in ipairs { "respond", "stream", "later", "channel", "publish" } do
    local method = Core["do_" .. name]
    self[name] = function(...)
      local failure = self.fails[name]
      if failure then return nil, failure.message, failure.name end
      return method(self, ...)
    end
  end
  -- Not table.remove: compiled by LuaJIT 2.1.0-beta3, it now and then finds
  -- nothing where there is one.
  self.next = function()
    self.taken = self.taken + 1
    local item = self.items[self.taken]
    if not item then self.items, self.taken = {}, 0 end
    return item
  end
  self.now = function() return self.wall end
  self.monotonic = function() return self.time end
  self.log = function(level, line)
    self.logged[#self.logged + 1] = { level = level, text = line }
  end
  reader.add(self)
  self.buses, self.topics, self.copied, self.records = {}, {}, {}, {}
  self.kafka_check = function(name, value)
    if value == "wrong" then
      return nil, ('Invalid value "wrong" for configuration property "%s"')
        :format(name)
    end
    return true
  end
  self.bus = function(wanted)
    self.buses[#self.buses + 1] = { name = wanted.name, brokers = wanted.brokers,
      settings = wanted.settings, count = wanted.setting_count, outbox = wanted.outbox }
    return #self.buses - 1
  end
  self.topic = function(bus, name, partitions, drops, has_channels)
    self.topics[#self.topics + 1] = { bus = bus, name = name,
      partitions = partitions, drops = drops, has_channels = has_channels }
    return #self.topics - 1
  end
  self.topic_channel = function(topic, channel)
    self.copied[#self.copied + 1] = { topic, channel }
    return true
  end
  sources.add(self)
  self.bus_brokers = function() return "a:9092" end
  self.kafka_start = function() self.kafka_started = true end
  self.topic_publish = function(topic, value, key, headers)
    local failure = self.fails.topic_publish
    if failure then return nil, failure.message, failure.name end
    self.records[#self.records + 1] = { topic = topic, value = value, key = key,
      headers = headers }
    return #self.records
  end
  self.producer_status = function() return { connected = true } end
  self.topic_status = function() return { waiting = 0 } end
  self.clients = function(number) return self.listening[number] or 0 end
  self.channel_name = function(number) return self.there[number + 1] end
  self.load = function() return 0.5 end
  self.counters = function() return { accepted = 3 } end
  self.timer = function(delay) self.due = delay and self.time + delay end
  self.doing = function(what) self.shown = what end
  self.died = {} -- "source position" → how often
  self.deaths = function(source, position)
    return self.died[source .. " " .. position] or 0, 3
  end
  self.pass_over = function() self.passed_over = (self.passed_over or 0) + 1 end
  self.remove = function(numbers)
    self.removed = numbers
    return true
  end
  self.closed = {} -- channels given back
  self.close = function(number)
    if self.listening[number] then return nil end
    self.closed[#self.closed + 1] = number
    return true
  end
  self.ready = function() self.is_ready = true end
  self.fail = function(why) self.failure = why end
  self.handed_over = function() return self.was_handed_over end
  self.released = function() self.has_released = true end
  self.say_status = function(said) self.said = said end
  self.drained = function() return self.is_drained end
  self.stopped = function() self.has_stopped = true end
  self.plan = function(plan)
    self.planned = plan
    return true
  end
  self.recent = function(number, count)
    local list = {}
    for i = #self.events, 1, -1 do
      local event = self.events[i]
      if event.number == number and #list < count then
        list[#list + 1] = { time = event.time, key = event.key, id = event.id,
          frame = event.frame }
      end
    end
    return list
  end
  self.newest_frame = function(number)
    local newest = self.recent(number, 1)[1]
    return newest and newest.frame
  end
  return self
end

function Core:do_respond(ticket, status, headers, count, body)
  self.answers[ticket] = { status = status, headers = headers, count = count,
    body = body }
  return true
end

function Core:do_stream(ticket, target, since, value, retry_ms, tell, preface,
                        headers, _, policy)
  self.answers[ticket] = { stream = target.numbers, since = since,
    policy = policy,
    value = value, retry_ms = retry_ms, tell = tell, preface = preface,
    headers = headers }
  return true
end

function Core:do_later(ticket, delay)
  self.answers[ticket] = { later = delay }
  return true
end

function Core:do_channel(name, count, ms)
  for number, made in ipairs(self.made) do
    if made.name == name then return number end -- since a brain before
  end
  self.made[#self.made + 1] = { name = name, count = count, ms = ms }
  return #self.made
end

function Core:do_publish(number, data, name, key, retry_ms)
  if name == "gap" then
    return nil, "the event name is reserved", "ERESERVED"
  end
  self.seq = self.seq + 1
  local id = "id-" .. self.seq
  local lines = { "id: " .. id }
  if name ~= "" then lines[#lines + 1] = "event: " .. name end
  lines[#lines + 1] = "data: " .. data
  self.events[#self.events + 1] = { number = number, data = data, name = name,
    key = key, retry_ms = retry_ms, id = id, time = self.wall,
    frame = table.concat(lines, "\n") .. "\n\n" }
  return id
end

-- Queues a request "METHOD /path?query"; returns its ticket.
function Core:request(line, options)
  options = options or {}
  local method, target = line:match("^(%S+) (%S+)$")
  local path, query = target:match("^([^?]*)%??(.*)$")
  local headers = {}
  for _, header in ipairs(options.headers or {}) do
    headers[#headers + 1] = header[1] .. "\0" .. header[2] .. "\0"
  end
  self.ticket = self.ticket + 1
  self.items[#self.items + 1] = { kind = 1, ticket = self.ticket,
    method = text(method), path = text(path), query = text(query),
    headers = text(table.concat(headers)), body = text(options.body),
    address = text("127.0.0.1"), accepts_stream = options.accepts_stream or 0 }
  return self.ticket
end

function Core:push(kind, fields)
  local item = { kind = fake.kinds[kind], address = text("127.0.0.1"),
    reason = text(fields and fields.reason), last_id = text(""), bytes = 0,
    seconds = 0, resumed = 0 }
  for name, value in pairs(fields or {}) do
    if name ~= "reason" then item[name] = value end
  end
  self.items[#self.items + 1] = item
end

-- Lets time pass up to `ms` later; `pump` runs at each timer on the way.
function Core:advance(ms, pump)
  local stop = self.time + ms
  while self.due and self.due <= stop do
    self.wall = self.wall + self.due - self.time
    self.time, self.due = self.due, nil
    self:push("timer")
    pump()
  end
  self.wall = self.wall + stop - self.time
  self.time = stop
end

-- All lines of the log as one text.
function Core:log_text()
  local lines = {}
  for i, line in ipairs(self.logged) do lines[i] = line.text end
  return table.concat(lines, "\n")
end

return fake
