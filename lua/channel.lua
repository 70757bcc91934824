-- SPDX-License-Identifier: MIT
-- A channel: publishes events, knows its clients and its recent past.
local aggregate = require "stentor.aggregate"
local event = require "stentor.event"
local gate = require "stentor.gate"
local json = require "stentor.json"
local key = require "stentor.key"
local latest = require "stentor.latest"
local refusal = require "stentor.refusal"
local standin = require "stentor.config.standin"
local suggest = require "stentor.config.suggest"
local units = require "stentor.units"

local channel = {}
channel.__index = channel

local RECENT_MAX = 10000
-- Bytes of an event's name or key: JOURNAL_KEY_BYTES_MAX (core/journal/layout.h).
channel.NAME_MAX = 1024
channel.RETRY_MAX = 86400 -- seconds
local FULL_POLL_MS = 20
local OPTIONS = { event = true, key = true, retry = true }

function channel:__tostring()
  return ('channel "%s"'):format(self.name)
end

function channel.is(value)
  return getmetatable(value) == channel
end

-- Settings as config/words.lua gives them. It has no number, and so cannot
-- publish, until channel:open().
-- `hooks`: of the server or of the family that it is a member of.
function channel.new(server, name, settings, hooks)
  local self = setmetatable({ name = name, server = server,
    settings = settings, number = nil, hooks = hooks:child(),
    known_clients = 0, used = true, gone = false }, channel)
  self.key_of = settings.key and key.new(settings.key)
    or settings.into and settings.into.key_of
  if settings.latest then
    local keys = settings.limits.latest_keys or server.settings.latest_keys
    self.latest = latest.new(settings.key and keys or 1,
      server.settings.limits.response_bytes)
  end
  return self
end

-- Whether Lua has nothing to do with an event of it.
function channel:is_plain()
  return not self.settings.admit and not self.latest and not self.key_of
    and not self.settings.limits.event and not self.hooks:has("publish")
end

-- true; or nil, message, name.
function channel:open()
  local core, replay = self.server.core, self.settings.replay
  local number, message, name = core.channel(self.name, replay.count,
    replay.seconds and replay.seconds * 1000)
  if not number then return nil, message, name end
  self.number = number
  if self.settings.into then
    core.topic_channel(self.settings.into.number, number)
  end
  self.target = { channels = { self }, core = core.target { number },
    tell = self.hooks:wants_clients(), latest = self.latest ~= nil,
    unkeyed = not self.key_of and self.name or nil }
  self.server.numbered[number] = self
  return true
end

-- The channel to use in its place: itself, unless it is a member that was
-- dropped (lua/idle.lua) while a script held on to it.
function channel:in_use()
  if self.gone then return self.family:member(self.name) end
  self.used = true
  return self
end

-- What came before this brain: the latest events, and who listens.
function channel:resume()
  if self.latest then
    -- Several times as many records as keys: some keys are there repeatedly.
    local count = self.latest.max == 1 and 1 or self.latest.max * 4
    self.latest:restore(self.server.core.recent(self.number, count) or {})
  end
end

-- events.publish("x") is easily written.
local function check_self(self, method)
  if getmetatable(self) ~= channel then
    error(("%s: write it with a colon, as in events:%s(…)"):format(method,
      method), 3)
  end
end

local function retry_ms(retry)
  local seconds = units.duration(retry)
  if not seconds or seconds > channel.RETRY_MAX then
    error('publish: retry must be a duration such as "5s", at most a day', 3)
  end
  return seconds * 1000
end

local function check_options(options)
  suggest.check_options("publish", options, OPTIONS, 4)
  if options.event ~= nil and type(options.event) ~= "string" then
    error("publish: event must be a text", 3)
  end
end

local function too_large(limit)
  error(refusal.new(413, ("the event is larger than limits.event (%d bytes)")
    :format(limit)), 0)
end

-- A script's mistake is an error; what only this event suffers is a refusal.
-- `size`: of its data; `longest`: of its name and key.
local function publish_failed(self, message, code, size, longest)
  if code == "ETOOBIG" then
    local settings = self.server.settings
    if size > settings.limits.event_bytes then
      too_large(settings.limits.event_bytes)
    elseif longest <= channel.NAME_MAX then
      error(refusal.new(413, ("the event is larger, as it is sent, than a "
        .. "quarter of journal.size (%d bytes)"):format(settings.journal_bytes)), 0)
    end
    error(refusal.new(413, ("the event's name or key is longer than %d bytes")
      :format(channel.NAME_MAX)), 0)
  elseif code == "EEVENT" or code == "ERESERVED" then
    error("publish: " .. message, 3)
  end
  error(refusal.new(503, ('channel "%s": cannot publish: %s')
    :format(self.name, message)), 0)
end

local function text_of(data)
  if type(data) == "string" then return data end
  local ok, text = pcall(json.encode, data)
  if not ok then error("publish: " .. text, 3) end
  return text
end

local function key_text(self, text, data, options)
  local given = options and options.key
  if given ~= nil then return tostring(given) end
  if not self.key_of then return "" end
  local fields = { channel = self, text = text,
    event = options and options.event }
  if type(data) ~= "string" then fields.data = data end
  return self.key_of(event.new(fields)) or ""
end

-- Too much of the channel waits for Kafka. A request is refused; who else can
-- wait does; the rest is told. Returns as core.publish.
local function publish_when_free(self, ...)
  local server = self.server
  local co = not server.may_not_wait and server.pool:current()
  if co and server.requests[co] then
    error(refusal.later(1, ('channel "%s": too much waits for Kafka')
      :format(self.name)), 0)
  end
  local id, message, code
  repeat
    if not co or server.phase ~= "running" then return nil, "full", "EFULL" end
    server.clock:after(FULL_POLL_MS, function() server.pool:resume(co) end)
    coroutine.yield()
    id, message, code = server.core.publish(self.number, ...)
  until code ~= "EFULL"
  return id, message, code
end

-- A text goes as it is, all else as JSON; returns the event's id; or nil and
-- "full" when it would have to wait for Kafka and cannot.
function channel:publish(data, options)
  check_self(self, "publish")
  local server = self.server
  if not server:may_act("publish") then return standin.new() end
  self = self:in_use()
  if options ~= nil then check_options(options) end
  local text = text_of(data)
  local name = options and options.event or ""
  if self.settings.admit then
    text, name = server:without_waiting(gate.admit_event, self, text, name)
    data = text
  end
  local most = self.settings.limits.event
  if most and #text > most then too_large(most) end
  local event_key = key_text(self, text, data, options)
  local retry = options and options.retry and retry_ms(options.retry) or 0
  local id, message, code = server.core.publish(self.number, text, name,
    event_key, retry)
  if code == "EFULL" then
    id, message, code = publish_when_free(self, text, name, event_key, retry)
    if code == "EFULL" then return nil, message end
  end
  if not id then publish_failed(self, message, code, #text, math.max(#name, #event_key)) end
  if server.unread_max < math.huge then aggregate.on_published(server) end
  if self.latest then
    local frame = server.core.newest_frame(self.number)
    if frame then
      self.latest:record(self.settings.key and event_key or "", frame)
    end
  end
  if self.hooks:has("publish") then
    self.hooks:emit("publish", event.new { channel = self, text = text,
      event = name ~= "" and name or nil, id = id,
      key = event_key ~= "" and event_key or nil, time = server.core.now() })
  end
  return id
end

-- The last `count` events (default: one), oldest first.
function channel:recent(count)
  check_self(self, "recent")
  local server = self.server
  if not server:may_act("recent") then return {} end
  count = count or 1
  if type(count) ~= "number" or count < 0 or count ~= math.floor(count) then
    error("recent: expected how many events", 2)
  end
  self = self:in_use()
  local records = server.core.recent(self.number, math.min(count, RECENT_MAX))
  local events = {}
  for i = #(records or {}), 1, -1 do
    events[#events + 1] = event.of_record(self, records[i])
  end
  return events
end

-- How many clients listen now.
function channel:count()
  check_self(self, "count")
  if not self.server:may_act("count") then return 0 end
  self = self:in_use()
  return self.server.core.clients(self.number)
end

function channel:on(what, fn)
  self.server:declare_hook(self.hooks, ('channel "%s"'):format(self.name),
    what, fn)
end

return channel
