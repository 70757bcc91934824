-- SPDX-License-Identifier: MIT
-- What one brain serves: all that a config declared, and what is under way.
-- Phases: "loading" (declares), "loaded" (waits for go), "running", "releasing"
-- and "released" (lua/handover.lua: another brain takes over), "stopping".
local aggregate = require "stentor.aggregate"
local client = require "stentor.client"
local clock = require "stentor.clock"
local complaints = require "stentor.config.complaints"
local coroutines = require "stentor.coroutines"
local defaults = require "stentor.config.defaults"
local deliveries = require "stentor.deliveries"
local failures = require "stentor.failures"
local family = require "stentor.family"
local handover = require "stentor.handover"
local hooks = require "stentor.hooks"
local idle = require "stentor.idle"
local keep = require "stentor.keep"
local log = require "stentor.log"
local removed = require "stentor.removed"
local router = require "stentor.router"
local source = require "stentor.source"
local status = require "stentor.status"
local suggest = require "stentor.config.suggest"
local timers = require "stentor.timers"

local server = {}
server.__index = server

local HOOK_DEPTH_MAX = 16

local function hook_job(self, hook, arguments)
  local ok, problem = coroutines.call(hook.fn, arguments[1], arguments[2])
  if not ok then self:failed(hook.title, tostring(problem)) end
  if arguments.done then arguments.done() end
end

-- Hooks that publish run hooks: without end, if nobody counted.
local function run_hook(self, hook, a, b)
  local depth = self.hook_depth
  if depth >= HOOK_DEPTH_MAX then
    return self:failed(hook.title,
      "not called: hooks run each other in a circle")
  end
  if not self.pool:free() then
    self.counters.hooks_dropped = self.counters.hooks_dropped + 1
    return
  end
  self.hook_depth = depth + 1
  self.pool:start(hook_job, self, hook, { a, b })
  self.hook_depth = depth
end

function server.new(core, path)
  local self = setmetatable({ core = core, path = path, phase = "loading",
    folder = path:match("^(.*/)[^/]*$") or "", settings = defaults.new(),
    channels = {}, channel_list = {}, families = {}, numbered = {}, buses = {},
    aggregates = {}, unread_max = math.huge, routes = {},
    router = router.new(), timers = {},
    plugins = {}, told = client.memory(), sources = {}, gates = {},
    pending = {}, narrowed = {}, requests = {}, -- coroutines that answer one
    readers = {}, -- what reads a topic, by the core's number
    kept = {}, paused = {}, pausable = {}, status_parts = {},
    hook_depth = 0, complaints = complaints.new(), log = log.new(core),
    beats = {}, beat_count = 0,
    counters = { errors = 0, handlers_full = 0, body_too_long = 0, hooks_dropped = 0 } }, server)
  self.hooks = hooks.new(function(hook, a, b) run_hook(self, hook, a, b) end)
  self.clock = clock.new(core)
  self.failures = failures.new(self.log, self.clock)
  self.deliveries = deliveries.new(self)
  self.before_go = function() end -- returns what is wrong, or nil
  self.handlers = {
    [core.kinds.opened] = client.on_opened,
    [core.kinds.closed] = client.on_closed,
    [core.kinds.moved] = client.on_moved,
    [core.kinds.lost] = client.on_lost,
    [core.kinds.appended] = aggregate.on_appended,
    [core.kinds.timer] = function()
      if self.phase ~= "released" then self.clock:run() end
    end,
    [core.kinds.go] = function() self:go() end,
    [core.kinds.release] = handover.release,
    [core.kinds.resume] = handover.resume,
    [core.kinds.status] = status.say,
    [core.kinds.stop] = function() self:stop() end,
    [core.kinds.delivered] = deliveries.on_delivered,
    [core.kinds.source] = source.on_readable,
  }
  return self
end

-- The script's line that is being run: of the innermost frame whose file is a
-- script of this config.
function server:where()
  for level = 2, 60 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    local path = info.source:match("^@(.*)$")
    if path and self.sources[path] and info.currentline > 0 then
      return path, info.currentline
    end
  end
  return self.path, nil
end

-- A mistake of the config at the line being run.
function server:complain(text)
  local path, line = self:where()
  self.complaints:add(path, line, text)
end

-- A script's failure at run time: logged, counted, and nothing else stops.
function server:failed(title, text)
  self.counters.errors = self.counters.errors + 1
  self.failures:add(title, text)
end

-- Whether `what`, which has effects, may be done now; says so if not.
function server:may_act(what)
  if self.phase ~= "loading" and self.phase ~= "loaded" then return true end
  self:complain(("%s: loading has no effects; "):format(what)
    .. "do this in a handler, a timer or a task")
  return false
end

-- Calls `fn(...)`, during which `sleep` is a mistake.
function server:without_waiting(fn, ...)
  self.may_not_wait = "a channel's gate may not wait"
  local ok, first, second = pcall(fn, ...)
  self.may_not_wait = false
  if not ok then error(first, 0) end
  return first, second
end

-- Called by words, which are for loading only.
function server:only_loading(word)
  if self.phase ~= "loading" then
    local path, line = self:where()
    error(('%s:%d: "%s" declares, so it is for the config as it loads, '
      .. "not for a handler"):format(path, line or 0, word), 0)
  end
end

-- `owner`: what it is one of, as a channel's title; nil for all of the server.
function server:declare_hook(list, owner, what, fn)
  self:only_loading("on")
  local prefix = owner and owner .. ": " or ""
  if type(what) ~= "string" or not hooks.names[what] then
    return self:complain(("%son: unknown event %s"):format(prefix,
      suggest.unknown(what, hooks.names)))
  end
  if type(fn) ~= "function" then
    return self:complain(('%son "%s": expected a function'):format(prefix,
      what))
  end
  list:add(what, { fn = fn, title = self:title(('on "%s"'):format(what)) })
end

-- What a failure of `what` is logged under, which is declared here, or by `call`.
function server:title(what, call)
  local path, line = self:where()
  if call then path, line = call.path, call.line end
  local plugin = self.plugin and ('plugin "%s": '):format(self.plugin) or ""
  return ("%s%s (%s:%d)"):format(plugin, what, path, line or 0)
end

-- How full the fullest limit is, from 0 to 1.
function server:load()
  return math.max(self.core.load(), math.min(1, self.pool:load()))
end

-- Whether what is due by itself has to wait, as another brain takes over: then
-- fn(argument) is called if this one goes on after all. For ever, once stopping.
function server:pauses(fn, argument)
  if self.phase == "running" then return false end
  table.insert(self.paused, { fn = fn, argument = argument })
  return true
end

-- What is paused while another brain takes over, and goes on if it does not:
-- methods pause() and resume(). A source, for one.
function server:add_pausable(object)
  table.insert(self.pausable, object)
end

-- A part of `stentor status`: `fn()` returns a table of plain values.
function server:on_status(name, fn)
  table.insert(self.status_parts, { name = name, fn = fn })
end

-- Who listens to the channels, and what came before.
function server:resume_channels()
  for _, channel in ipairs(self.channel_list) do
    channel:resume()
    if channel.hooks:wants_clients() then client.count(channel) end
  end
  family.resume(self)
end

-- Topics are read from now on, as far as somebody wants them; nil, or why not.
function server:read_topics()
  for _, bus in ipairs(self.buses) do
    local ok, why = bus:read()
    if not ok then return ("%s: %s"):format(tostring(bus), why) end
  end
  return nil
end

-- This brain is in charge.
function server:go()
  if self.phase ~= "loaded" then return end
  local wrong = self:before_go()
  if wrong then return self.core.fail(wrong) end
  keep.take(self)
  self.phase = "running"
  self:resume_channels()
  aggregate.start_all(self)
  wrong = self:read_topics()
  if wrong then return self.core.fail(wrong) end
  for _, timer in ipairs(self.timers) do timers.start(self, timer) end
  idle.start(self)
  self.core.ready()
  removed.withdraw(self)
end

-- nil if the config has none of that number.
function server:channel_numbered(number)
  return self.numbered[number] or family.revive(self, number)
end

-- Runs the `stop` hooks, then tells the core that this process may end.
function server:stop()
  local was = self.phase
  self.phase = "stopping"
  if was == "stopping" then return end
  if was == "loaded" then return self.core.stopped() end
  if was == "released" then self.pool:thaw() end
  local waiting = 1
  local function done()
    waiting = waiting - 1
    if waiting > 0 then return end
    aggregate.save_all(self)
    self.core.stopped()
  end
  local seen = {}
  local function collect(list)
    for _, hook in ipairs(list.lists.stop or {}) do
      if not seen[hook] then
        seen[hook] = true
        waiting = waiting + 1
        self.pool:start(hook_job, self, hook, { done = done })
      end
    end
  end
  collect(self.hooks)
  for _, channel in ipairs(self.channel_list) do collect(channel.hooks) end
  for _, one in ipairs(self.families) do collect(one.hooks) end
  done()
end

return server
