-- SPDX-License-Identifier: MIT
-- What core/brain/script.c calls: check(path), start(brain, path), pump(). The
-- server of this process is kept here, and nowhere else.
local answer = require "stentor.answer"
local core = require "stentor.core"
local coroutines = require "stentor.coroutines"
local family = require "stentor.family"
local loader = require "stentor.config.loader"
local plugin = require "stentor.plugin"
local policy = require "stentor.policy"
local pump = require "stentor.pump"
local sandbox = require "stentor.config.sandbox"
local server = require "stentor.server"
local tools = require "stentor.tools"
local usage = require "stentor.config.usage"
local words = require "stentor.config.words"

local boot = {}

local function run_config(self)
  local text, why = loader.read(self.path)
  if not text then
    self.complaints:add(self.path, nil, ("cannot be read: %s; name a config, "
      .. "as in: stentor run path/to/config.lua"):format(why))
    return
  end
  self.tools = tools.new(self)
  local environment
  local all = words.for_config(self, plugin.load,
    function() return environment end)
  environment = sandbox.new(self, all, self.tools)
  local ok = loader.run(self, self.path, text, environment)
  words.check_pending(self)
  -- What stopped half-way would be blamed for what did not come.
  if ok then usage.check(self) end
end

-- Loads the config at `path` without effects: a server, and all errors as one
-- text or nil.
function boot.load(bound_core, path)
  local self = server.new(bound_core, path)
  -- For `require` of plain modules, now and in handlers.
  package.path = (self.folder == "" and "./" or self.folder) .. "?.lua;"
    .. package.path
  run_config(self)
  self.pool = coroutines.new(self.settings.handlers, self.core.doing)
  self.phase = "loaded"
  return self, self.complaints:text()
end

-- Gives the channels their numbers. A route is plain if nothing has to be asked
-- before its stream: no function and no gate.
function boot.open(self)
  for _, bus in ipairs(self.buses) do
    local ok, why = bus:open()
    if not ok then
      return ("%s:%d: kafka: %s"):format(bus.path, bus.line or 0, why)
    end
  end
  for _, channel in ipairs(self.channel_list) do
    local ok, why, code = channel:open()
    if not ok then
      if code == "EFULL" then why = "limits.channels is reached" end
      return ('%s:%d: channel "%s": %s'):format(channel.path, channel.line or 0,
        channel.name, why)
    end
  end
  if #self.buses > 0 then
    family.copy(self)
    self.core.kafka_start()
  end
  for _, route in ipairs(self.routes) do
    if route.stream then policy.prepare(self, route) end
    if route.channels and not route.gates and #self.gates == 0
        and not route.asks_heartbeat then
      route.plain = answer.target(self, route.channels)
    end
  end
  return nil
end

function boot.plan(self)
  local settings = self.settings
  return self.core.plan { workers = settings.workers,
    journal_bytes = settings.journal_bytes, kept_bytes = settings.kept_bytes,
    log_level = self.core.levels[settings.log_level],
    listeners = settings.listeners, networks = settings.networks, limits = settings.limits,
    heartbeat = settings.heartbeat, supervise = settings.supervise,
    embedded_kafka = settings.embedded_kafka,
    connections_asked = settings.given_limits.connections ~= nil }
end

-- nil, or all that is wrong with the config, one mistake a line.
function boot.check(path)
  local _, errors = boot.load(core.new(nil), path)
  return errors
end

local current

-- nil once the plan is handed over, or the errors.
function boot.start(brain, path)
  local self, errors = boot.load(core.new(brain), path)
  if errors then return errors end
  self.before_go = boot.open -- the journal is another's until then
  local ok, why = boot.plan(self)
  if not ok then return ("%s: the plan was refused: %s"):format(path, why) end
  current = self
  return nil
end

function boot.pump()
  return pump.run(current)
end

return boot
