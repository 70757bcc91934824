-- SPDX-License-Identifier: MIT
-- An aggregate: records of channels and topics folded into one value, or one
-- for each key.
--
-- What it knows is kept as one record together with the positions it covers
-- (core.keep_packed), so that the next brain goes on exactly there: what came
-- after is read again, from the journal or from Kafka, and nothing is counted
-- twice or left out. It is written at a bounded rate, since only the distance
-- that has to be read again depends on it.
local careful = require "stentor.aggregate.careful"
local channels = require "stentor.aggregate.channels"
local fold = require "stentor.fold"
local loop = require "stentor.aggregate.loop"
local standin = require "stentor.config.standin"
local state = require "stentor.aggregate.state"
local timers = require "stentor.timers"
local topic_feed = require "stentor.aggregate.topic"

local aggregate = {}
aggregate.__index = aggregate

local SAVE_EVERY = 1000 -- ms
local SAVE_SHARE = 50 -- at most one part in so many of the time is for saving
local TURN_MS = 2 -- for one aggregate in one turn of the loop
local VALUE_MS = 20 -- that value() may spend on being up to date
local UNREAD_SHARE = 16 -- at most one part in so many of the journal is unread
local LOG_EVERY = 1000 -- ms between two failures that are logged

function aggregate:__tostring()
  return ('aggregate "%s"'):format(self.name)
end

function aggregate.is(value) return getmetatable(value) == aggregate end

-- The folds in the order of their names: the same in each brain.
local function parts_of(folds)
  local parts = {}
  for name, one in pairs(folds) do
    parts[#parts + 1] = { name = name, fold = one, kind = fold.kinds[one.kind] }
  end
  table.sort(parts, function(a, b) return a.name < b.name end)
  return parts
end

-- The name under which its place in a topic is kept. Not by the brokers'
-- addresses: those may change while it is the same cluster.
local function feed_name(topic)
  return ("topic %s of %s"):format(topic.name, topic.bus.name)
end

-- `settings`: as config/aggregate.lua gives them.
function aggregate.new(server, name, settings)
  local parts = parts_of(settings.fold)
  local self = setmetatable({ name = name, server = server,
    settings = settings, parts = parts,
    source = "aggregate/" .. name, -- its name on the shelf and for the blame
    signature = state.signature(settings, parts), running = false, dirty = false,
    changed = false, logged_at = -math.huge, unlogged = 0,
    refused_at = -math.huge, feeds = {},
    counters = { records = 0, bad = 0, skipped = 0, unkeyed = 0, keys_full = 0,
      failed = 0, lost = 0, refused = 0 } }, aggregate)
  self.loop = loop.new { where = settings.where, by = settings.by,
    folds = parts }
  if #settings.from.channels > 0 then
    self.feeds.channels = channels.new(self, settings.from.channels)
  end
  for _, topic in ipairs(settings.from.topics) do
    self.feeds[feed_name(topic)] = topic_feed.new(self, topic)
  end
  return self
end

-- A script's failure at a record, at most one line a second.
local function failed(self, problem)
  local now = self.server.core.monotonic()
  self.counters.failed = self.counters.failed + 1
  self.unlogged = self.unlogged + 1
  if now - self.logged_at < LOG_EVERY then return end
  if self.unlogged > 1 then
    problem = ("%s (%d since the last such line)"):format(problem,
      self.unlogged)
  end
  self.logged_at, self.unlogged = now, 0
  self.server:failed(self.title, problem)
end

-- Takes the records at the indexes first … last of `view`. One at which a
-- script's function throws is left out.
local function take(self, view, first, last)
  while first <= last do
    local ok, problem = pcall(self.loop, self.pane, view, first, last,
      self.counters)
    if ok then return end
    if view.bad then -- the source says so
      self.counters.bad = self.counters.bad + 1
    else
      failed(self, tostring(problem))
    end
    first = view.index + 1
  end
end

local function take_batch(self, view, count, place)
  if self.careful_left == 0 then return take(self, view, 0, count - 1) end
  careful.take(self, view, count, place, function(index)
    take(self, view, index, index)
  end)
end

-- Takes a batch of `count` records; `place` names where they are from. None of
-- it may wait: in between, state and place would not fit.
function aggregate:take(view, count, place)
  local server, counters = self.server, self.counters
  local full, waits = counters.keys_full, server.may_not_wait
  server.may_not_wait = "what folds records may not wait"
  server.core.doing(self)
  take_batch(self, view, count, place)
  server.core.doing(server.pool.what)
  server.may_not_wait = waits
  counters.records = counters.records + count
  self.dirty, self.changed = true, true
  if full == 0 and counters.keys_full > 0 then
    server.log.warn(("%s: keys = %d is reached: records of further keys are "
      .. "counted (keys_full), not folded"):format(self.title,
      self.settings.keys))
  end
end

-- Records were gone before they could be read.
function aggregate:lost(what)
  self.counters.lost = self.counters.lost + 1
  self.server.log.warn(("%s: %s: they are missing in it"):format(self.title,
    what))
end

-- Reads on for at most `ms`; returns whether there is more.
function aggregate:catch_up(ms)
  local feed, server = self.feeds.channels, self.server
  if not feed or self.running or server.phase == "released" then
    return false
  end
  self.running = true
  local ok, more = pcall(feed.run, feed, server.core.monotonic() + ms)
  self.running = false
  if not ok then error(more, 0) end
  return more
end

local save_due

function save_due(self)
  if self.server:pauses(save_due, self) then return end
  state.save(self)
  local delay = math.max(SAVE_EVERY, (self.save_ms or 0) * SAVE_SHARE)
  self.server.clock:after(delay, save_due, self)
end

local function emit(self)
  self:catch_up(VALUE_MS)
  if not self.changed then return end
  self.changed = false
  local ok, problem = pcall(self.settings.into.publish, self.settings.into,
    self:snapshot())
  if ok then return end
  self.changed = true -- the next time, then
  error(problem, 0)
end

-- How far the journal may grow before all that follows `position` must be read.
local function unread_max(server, position)
  return position + server.settings.journal_bytes / UNREAD_SHARE
end

-- Takes over what the brain before has kept; once.
function aggregate:restore()
  if self.pane then return end
  careful.begin(self)
  local at = state.load(self) or {}
  for name, feed in pairs(self.feeds) do
    local position = feed:start(at[name])
    if name == "channels" then
      local server = self.server
      server.unread_max = math.min(server.unread_max,
        unread_max(server, position))
    end
  end
end

-- Keeps what it knows for the next brain.
aggregate.save = state.save

-- This brain is in charge: goes on where the one before has ended.
function aggregate:start()
  local server, settings = self.server, self.settings
  self:restore()
  server.clock:after(SAVE_EVERY, save_due, self)
  if settings.into then
    timers.start(server, { kind = "every", title = self.title,
      interval = settings.every * 1000, fn = function() emit(self) end })
  end
end

-- What it knows now: with `by` a table of keys, else the values.
function aggregate:snapshot()
  if not self.settings.by then return self.pane:value("") end
  local values = {}
  for _, key in ipairs(self.pane.keys) do values[key] = self.pane:value(key) end
  return values
end

-- The same, up to date; of one key with `key`, nil if it has not come.
function aggregate:value(key)
  if not self.server:may_act("value") then return standin.new() end
  if key ~= nil and not self.settings.by then
    error(('%s: it has no keys: it has no "by"'):format(tostring(self)), 2)
  end
  self:catch_up(VALUE_MS)
  if key ~= nil then return self.pane:value(key) end
  return self:snapshot()
end

-- Each reads on for at most `ms`; returns whether there is more.
local function catch_up_all(server, ms)
  local more = false
  for _, one in ipairs(server.aggregates) do
    more = one:catch_up(ms) or more
  end
  if not more then
    server.unread_max = unread_max(server, server.core.head())
  end
  return more
end

-- The journal has grown.
function aggregate.on_appended(server)
  if catch_up_all(server, TURN_MS) then server.core.follow() end
end

-- A handler may publish more in one go than the journal holds, and so may many
-- in one turn: nothing of it must be overwritten before it is read, and kept.
function aggregate.on_published(server)
  if server.core.head() < server.unread_max then return end
  server.unread_max = math.huge -- what is published meanwhile waits its turn
  catch_up_all(server, math.huge)
end

-- This brain is in charge.
function aggregate.start_all(server)
  local declared = {}
  for _, one in ipairs(server.aggregates) do declared[one.source] = true end
  for _, name in ipairs(server.core.keep_names()) do
    if name:find("^aggregate/") and not declared[name] then
      server.core.keep_remove(name) -- of an aggregate that is gone
    end
  end
  for _, one in ipairs(server.aggregates) do
    one:start()
    server:add_pausable(one)
  end
end

-- While another brain tries to take over nothing is read. That one may have
-- kept what it knew, or removed what it does not know.
function aggregate.pause() end

function aggregate:resume() self.dirty = true end

-- This brain is about to go.
function aggregate.save_all(server)
  for _, one in ipairs(server.aggregates) do state.save(one) end
end

-- For `stentor status`: what it is over, and what of its counters is not zero.
function aggregate:summary()
  local summary = { keys = self.settings.by and self.pane.count or nil,
    records = self.counters.records,
    save_ms = self.save_ms and math.floor(self.save_ms * 10 + 0.5) / 10 }
  for name, value in pairs(self.counters) do
    if value > 0 then summary[name] = value end
  end
  return summary
end

-- All that is counted, of all aggregates together.
function aggregate.counters(server)
  local sums = {}
  for _, one in ipairs(server.aggregates) do
    for name, value in pairs(one.counters) do
      name = "aggregate_" .. name
      sums[name] = (sums[name] or 0) + value
    end
  end
  return sums
end

return aggregate
