-- SPDX-License-Identifier: MIT
--- A server, publishers and readers, and time for faults. One round: begin(),
-- play(schedule), settle(), judge(); then the next, or close().
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local apart = require "spec.faults.apart"
local checker = require "spec.faults.checker"
local counted = require "spec.faults.counted"
local deaths = require "spec.faults.deaths"
local kinds = require "spec.faults.kinds"
local order = require "spec.faults.order"
local processes = require "spec.faults.processes"
local publisher = require "spec.faults.publisher"
local random = require "spec.faults.random"
local reader = require "spec.faults.reader"
local reloads = require "spec.faults.reloads"
local truth = require "spec.faults.truth"

local FOLDER = "spec/faults/server"
local CHANNELS = { "a", "b", "big", "blue" }
local ROOMS = 60
local SETTLE_SECONDS = 40

-- The streams of config.lua and what is in them. A member of a family comes and
-- goes with its use.
local STREAMS = {
  { path = "/stream/a", channels = { a = true } },
  { path = "/stream/big", channels = { big = true } },
  { path = "/stream/some", channels = { a = true, big = true } },
  { path = "/stream/all", channels = { a = true, b = true, big = true, blue = "member" } },
  { path = "/stream/rooms/blue", channels = { blue = "member" } },
  { path = "/stream/skipping", channels = { big = true, b = true }, small = true },
  { path = "/stream/conflated", channels = { big = true }, small = true, conflates = true },
  { path = "/stream/rooms/7", channels = { ["7"] = "member" } },
}

local TICK_MS, STALL_MS = 50, 500 -- of our own loop

local world = {}
local open_worlds = {}
local methods = {}
local metatable = { __index = methods }

-- --- who takes part -----------------------------------------------------------------

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- One more reader; most streams are of one channel, HTTP/1.0 is rare, and
-- every third reader is soon behind when it does not read.
function methods:add_reader(source)
  local number = #self.readers + 1
  local stream = STREAMS[number <= #STREAMS and number or source:between(1, #STREAMS)]
  local one = reader.open {
    name = ("reader %d of %s"):format(number, stream.path),
    port = self.server.port,
    path = stream.path,
    channels = stream.channels,
    random = random.new(source:between(1, 1e9)),
    old = source:between(1, 6) == 1,
    small = stream.small or number % 3 == 0,
    conflates = stream.conflates,
  }
  self.readers[number] = one
  return one
end

local function add_publishers(self, options)
  local usual = options.small_events and { "a", "b", "blue" } or CHANNELS
  local function open(name, batch_max, channels, pause_ms)
    return publisher.open {
      name = name,
      port = self.server.port,
      channels = channels or usual,
      random = random.new(self.random:between(1, 1e9)),
      batch_max = batch_max,
      pause_ms = pause_ms or options.pause_ms or 10,
    }
  end
  for i = 1, options.publishers or 4 do
    self.publishers[i] = open("p" .. i, i % 2 == 1 and 1 or options.small_events and 60 or 12)
  end
  local rooms = {}
  for n = 1, ROOMS do rooms[n] = tostring(n) end
  self.publishers[#self.publishers + 1] = open("visitor", 1, rooms, 200)
  self.hanger = open("hanger", 3)
  self.last = open("last", 1) -- its events end a round
  self.all_publishers = { self.hanger, self.last, unpack(self.publishers) }
end

-- Kills who has come to the point that was asked for. (If the watchdog was first,
-- it is dead as well.)
local function kill_stopped(self)
  local pid = self.order:stopped()
  if not pid then return end
  local role = self.processes:kill_pid(pid)
  self.deaths = self.deaths + 1
  self:note("%s died: %s", role or "what the watchdog has killed", self.armed)
end

-- Our own loop stood still: the server may have given up on any of our clients.
-- Or it was told to.
local function watch_ourselves(self)
  local last = tonumber(uv.hrtime())
  self.ticking = uv.new_timer()
  self.ticking:start(TICK_MS, TICK_MS, function()
    local now = tonumber(uv.hrtime())
    self.reloads:is_busy() -- a broken config is mended at once
    local cause = now - last > STALL_MS * 1e6 and "we stood still"
      or self.reloads.draining and "drained"
    for _, one in ipairs(cause and self.readers or {}) do one:expect_close(cause) end
    last = now
  end)
end

local function watch_order(self)
  self.watch = uv.new_timer()
  self.watch:start(1, 1, function() kill_stopped(self) end)
end

--- Starts all of it. Options: `seed`, `readers`, `publishers`, `workers`,
-- `binary`, `hurts` (it is of the build `stentor-faults`), `npm` (with npm's
-- client), `pause_ms` (between two requests of a publisher, at most),
-- `small_events` (none of several kilobytes; more of them in one request).
function world.open(options)
  local self = setmetatable({
    seed = options.seed,
    random = random.new(options.seed),
    workers = options.workers or 2,
    generation = 1,
    readers = {},
    publishers = {},
    counted = counted.new "a", -- as config.lua does it
    injected = {}, -- what was done: a list of texts
    counts = {},   -- kind → how often
    log_read = 0,  -- bytes of the server's log
    deaths = 0,    -- at points that were asked for
    started_at = tonumber(uv.hrtime()),
  }, metatable)
  local environment = {}
  if options.hurts then
    self.order = order.open(os.tmpname())
    self.steps = order.steps()
    environment.STENTOR_FAULT_FILE = self.order.path
  end
  self.server = server.start {
    binary = options.binary and assert(uv.fs_realpath(options.binary)),
    folder = FOLDER,
    config = self:config_text(),
    env = environment,
  }
  open_worlds[self] = true
  self.processes = processes.new(self.server, self.readers)
  self.reloads = reloads.new(self.server, function() return self:config_text() end)
  watch_ourselves(self)
  if self.order then watch_order(self) end
  for _ = 1, options.readers or 12 do self:add_reader(self.random) end
  add_publishers(self, options)
  if options.npm then
    local stream = STREAMS[4]
    self.apart = apart.open(self.server.url .. stream.path, stream.channels)
  end
  return self
end

--- The config with the figures of now in it.
function methods:config_text()
  return (read(FOLDER .. "/config.lua"):gsub("%$WORKERS", self.workers)
    :gsub("%$GENERATION", self.generation))
end

--- Reloads the config with another number of workers.
function methods:resize(count)
  self.workers = count
  self.reloads:begin_good()
end

--- Some process is to die when it comes to the point `step` for the `nth` time.
function methods:arm(step, nth)
  self.armed, self.rare = step, step:find "^start:" or step:find "^release:" or step:find " over:"
  self.order:die_at(step, self.rare and 1 or nth)
  if self.rare then self:press() end
end

--- Does what makes a process come to the point that is asked for, if that does
-- not happen by itself: a brain has to start or to go, streams have to move, a
-- client has to come, or the ring has to be full.
function methods:press()
  if not self.rare then
    self.random:one_of(self.readers):cut()
    if not self.hanger.asked then self.hanger:ask_for("big", 100) end
  elseif not self.reloads:is_busy() then
    local fewer = self.workers > 1 and self.workers - 1 or 3
    self:resize(self.armed:find " over:" and fewer or self.workers)
  end
end

-- --- a round --------------------------------------------------------------------------

function methods:begin()
  for _, one in ipairs(self.readers) do one:begin_log() end
  for _, one in ipairs(self.all_publishers) do one.log = {} end
  self.injected = {}
  if self.apart then self.apart:begin_log() end
  for _, one in ipairs(self.publishers) do one:run() end
end

--- Sends home all readers beyond the first `count`.
function methods:trim(count)
  while #self.readers > count do table.remove(self.readers):stop() end
end

--- How many connections its clients have.
function methods:connections()
  local count = self.apart and 1 or 0
  for _, list in ipairs { self.readers, self.all_publishers } do
    for _, one in ipairs(list) do count = count + (one.socket and 1 or 0) end
  end
  return count
end

--- A line of what was done, for who has to understand it.
function methods:note(format, ...)
  local at = (tonumber(uv.hrtime()) - self.started_at) / 1e9
  self.injected[#self.injected + 1] = ("%.2f s: "):format(at) .. format:format(...)
end

--- Does one fault now.
function methods:inject(kind, seed)
  local hit = kinds[kind](self, random.new(seed))
  self.counts[kind] = (self.counts[kind] or 0) + (hit and 1 or 0)
  self:note("%s: %s", kind, hit or "nothing there")
end

--- Lets a schedule run off.
function methods:play(schedule)
  self.started_at = tonumber(uv.hrtime())
  local next_one = 1
  eventually(function()
    local due = schedule[next_one]
    if not due or self.interrupted then return true end
    if tonumber(uv.hrtime()) - self.started_at >= due.at_ms * 1e6 then
      next_one = next_one + 1
      self:inject(due.kind, due.seed)
    end
    return false
  end, schedule[#schedule].at_ms / 1000 + 60)
end

-- The last events of a round, one on each channel: id → true where it must go.
local function publish_last(self)
  local marks, left = {}, { unpack(CHANNELS) }
  eventually(function()
    if self.last.asked then return false end
    local done = self.last.log[#self.last.log]
    if done and done.ids and done.channel == left[1] then
      local _, place = truth.place(done.ids[1])
      marks[table.remove(left, 1)], marks.last = place, place
    end
    if #left == 0 then return true end
    self.last:ask_for(left[1], 1)
    return false
  end, SETTLE_SECONDS)
  return marks
end

local function has_come_to(id, channels, marks)
  local _, place = truth.place(id)
  if not place then return false end
  for channel in pairs(channels) do
    -- Nothing was published to others: a heartbeat says how far they are.
    if place < (marks[channel] or marks.last) then return false end
  end
  return true
end

local function all_have_come(self, marks)
  for _, one in ipairs(self.readers) do
    if not has_come_to(one.id, one.channels, marks) then return false end
  end
  return not self.apart or has_come_to(self.apart.id, self.apart.channels, marks)
end

--- Ends what hurts, and publishes no more.
function methods:calm()
  self.processes:thaw_all()
  if self.order then self.order:disarm() end
  for _, one in ipairs(self.publishers) do one:pause() end
end

-- With no fault left a reload must do what it says.
local function reload_calmly(self)
  local wrong = self.reloads.wrong
  eventually(function() return not self.reloads:is_busy() end, SETTLE_SECONDS)
  self.generation = self.generation + 1
  self.reloads:begin_good(function(code, said)
    if code ~= 0 then wrong[#wrong + 1] = "a good config was refused: " .. said end
  end)
  eventually(function() return not self.reloads:is_busy() end, SETTLE_SECONDS)
  local _, _, body = self.server:request { path = "/generation" }
  if tonumber(body) ~= self.generation then
    wrong[#wrong + 1] = ("the config is of generation %s, not %d"):format(body, self.generation)
  end
  eventually(function() return #self.processes:list "worker" == self.workers end, SETTLE_SECONDS)
end

--- Waits until everyone has what is due. Who has not by then is the checker's to
-- find.
function methods:settle()
  self:calm()
  eventually(function()
    for _, one in ipairs(self.all_publishers) do
      if one.asked then return false end
    end
    return true
  end, SETTLE_SECONDS)
  reload_calmly(self)
  local marks = publish_last(self)
  pcall(eventually, function() return all_have_come(self, marks) end, SETTLE_SECONDS)
end

--- What was published and met in this round, as checker.lua wants it.
function methods:history()
  local history = { began = self.started_at, publishes = {}, clients = {} }
  for _, one in ipairs(self.all_publishers) do
    for _, publish in ipairs(one.log) do
      history.publishes[#history.publishes + 1] = publish
    end
  end
  for i, one in ipairs(self.readers) do
    history.clients[i] = {
      name = one.name, channels = one.channels, position = one.position, log = one.log,
      conflates = one.conflates,
    }
  end
  if self.apart then
    history.clients[#history.clients + 1] = {
      name = self.apart.name, channels = self.apart.channels, position = self.apart.position,
      log = self.apart:log(), apart = true,
    }
  end
  return history
end

--- The checker's report on the round.
function methods:judge()
  local history = self:history()
  local status, _, body = self.server:request { path = "/counted" }
  assert(status == 200, body)
  function history.counted(known)
    self.counted:add(known, history.publishes)
    return self.counted:judge(cjson.decode(body).all)
  end
  history.reloads, self.reloads.wrong = self.reloads.wrong, {}
  history.deaths = deaths.unexpected(self.server:log():sub(self.log_read + 1))
  self.log_read = #self.server:log()
  return checker.check(history)
end

-- Ends all of ours.
local function stop(self)
  open_worlds[self] = nil
  self.processes:thaw_all()
  for _, one in ipairs(self.readers) do one:stop() end
  for _, one in ipairs(self.all_publishers or {}) do one:stop() end
  if self.apart then self.apart:stop() end
  self.ticking:close()
  if self.order then
    self.watch:close()
    self.order:close()
    os.remove(self.order.path)
  end
end

--- Ends the clients; the server must end in order.
function methods:close()
  stop(self)
  return self.server:stop()
end

--- For after_each: ends the clients of those that were not closed.
function world.stop_all()
  for one in pairs(open_worlds) do stop(one) end
end

return world
