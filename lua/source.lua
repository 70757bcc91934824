-- SPDX-License-Identifier: MIT
-- A topic that is read, for one purpose: its handlers, a consumer (an
-- aggregate), or channels. Each has a place of its own in the topic. Records
-- come in batches, one under way at a time; what waits while it handles a
-- record makes the source wait.
local coroutines = require "stentor.coroutines"
local json = require "stentor.json"
local record = require "stentor.record"

local source = {}
source.__index = source

local LOG_EVERY = 10000 -- ms between two lines about bad records
local FULL_LOOK_MS = 20 -- while as many handlers run as may

-- `reader`: the name of its place; `title`: for the log.
function source.new(topic, reader, title)
  local server = topic.server
  return setmetatable({ topic = topic, server = server, reader = reader,
    title = title, source = nil, position = nil, batch = nil, number = nil,
    names = {}, bad = 0, failed = 0, bad_told = -math.huge }, source)
end

-- Begins to read. `positions`: partition → offset, or nil for what is kept;
-- `start`: where nothing is known, as config/kafka.lua gives it.
function source:open(positions, start, group)
  local core = self.server.core
  local start_ms = start.seconds and core.now() - start.seconds * 1000 or 0
  local number, why = core.source { bus = self.topic.bus.number,
    topic = self.topic.name, group = group, reader = self.reader,
    start = start.seconds and "time" or start.name, start_ms = start_ms,
    positions = positions, headers = self.topic.options.headers }
  if not number then return nil, why end
  self.number = number
  self.server.readers[number] = self
  return true
end

-- Puts all records into channels, and Lua has no more to do with it.
function source:feed(channels)
  local numbers = {}
  for i, channel in ipairs(channels) do numbers[i] = channel.number end
  return self.server.core.source_feed(self.number, numbers)
end

-- A record that is not JSON: skipped, counted, and now and then logged.
local function count_bad(self, partition, offset, why)
  self.bad = self.bad + 1
  local now = self.server.core.monotonic()
  if now - self.bad_told < LOG_EVERY then return end
  self.bad_told = now
  self.server.log.warn(("%s: the record at offset %d of partition %d is no "
    .. "JSON and is skipped: %s (%d such so far; decode = \"text\" if it is "
    .. "not meant to be JSON)"):format(self.title, offset, partition,
    tostring(why), self.bad))
end

-- It may be told of more. Not if another one reads the topic in its place, as
-- this brain was about to be replaced and went on after all.
local function more(self)
  local server = self.server
  if server.readers[self.number] == self then
    server.core.source_more(self.number)
  end
end

-- --- handlers ---

local function handle(self, fn, one)
  local ok, problem = coroutines.call(fn, one)
  if ok then return end
  if one.bad then
    if not one.counted then
      one.counted = true
      count_bad(self, one.partition, one.offset, one.bad)
    end
    return
  end
  self.failed = self.failed + 1
  self.server:failed(self.title, tostring(problem))
end

local function run_handlers(server, self)
  local core, handlers, count = server.core, self.handlers, #self.handlers
  local batch = core.batch_copy(self.batch)
  batch.plain = self.topic.plain
  for index = 0, batch.count - 1 do
    local one = record.new(core, batch, index)
    self.position = core.record_offset(batch, index)
    for i = 1, count do handle(self, handlers[i], one) end
    if not core.record_done(batch, index) then break end
  end
  more(self)
end

-- --- a consumer ---

local function run_consumer(server, self)
  local view, batch = self.view, self.batch
  view:reset()
  view.index = 0
  local ok, problem = coroutines.call(self.consumer.take, self.consumer, view,
    batch.count)
  if not ok then
    self.failed = self.failed + 1
    server:failed(self.title, tostring(problem))
  end
  server.core.record_done(batch, batch.count - 1)
  more(self)
end

-- --- both ---

-- For a source before it is opened.
function source:use_handlers(handlers)
  self.handlers, self.job = handlers, run_handlers
end

function source:use_consumer(consumer)
  self.consumer, self.job = consumer, run_consumer
end

local function prepare(self)
  self.batch = self.server.core.batch()
  if not self.consumer then return end
  self.view = record.view(self.server.core, self.batch, self.topic.plain,
    function(index, why)
      count_bad(self, self.batch.partition,
        self.server.core.record_offset(self.batch, index), why)
    end)
end

-- "topic/partition", as core/mailbox/blame.h wants it.
local function name_of(self, partition)
  local name = self.names[partition]
  if not name then
    name = ("%s/%d"):format(self.topic.name, partition)
    self.names[partition] = name
  end
  return name
end

-- There may be something to read; `lost`: what was gone before it was read.
function source:run(lost)
  local server = self.server
  local core = server.core
  if not self.batch then prepare(self) end
  if lost and self.consumer then self.consumer:lost(lost) end
  if not server.pool:free() then
    return server.clock:after(FULL_LOOK_MS, more, self)
  end
  local count = core.source_read(self.number, self.batch)
  if not count or count == 0 then return more(self) end
  self.source = name_of(self, self.batch.partition)
  self.position = core.record_offset(self.batch, 0)
  server.pool:start(self.job, server, self)
end

-- Of an item of the core's.
function source.on_readable(server, item)
  local self = server.readers[tonumber(item.ticket)]
  local lost = item.reason.size > 0 and server.core.text(item.reason) or nil
  self:run(lost)
end

-- How it is, as a table for JSON.
function source:status()
  local status = self.server.core.source_status(self.number)
  if not status then return nil end
  status.reader, status.bad, status.failed = self.reader, self.bad, self.failed
  status.partitions = json.list(status.partitions)
  local lag
  for _, one in ipairs(status.partitions) do
    if one.lag then lag = (lag or 0) + one.lag end
  end
  status.lag = lag
  return status
end

return source
