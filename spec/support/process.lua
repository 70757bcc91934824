-- SPDX-License-Identifier: MIT
--- Programs that a spec runs. Arguments are passed as they are, no shell.
local uv = require "luv"
local eventually = require "spec.support.eventually"

local process = {}
local methods = {}
local metatable = { __index = methods }
local alive = {} -- handle → process

local function collect(pipe, self, name, take)
  pipe:read_start(function(_, bytes)
    if bytes and take then
      take(bytes)
    elseif bytes then
      self[name] = self[name] .. bytes
    else
      self.open_pipes = self.open_pipes - 1
      pipe:close()
    end
  end)
end

local function environment_with(extra)
  local merged, list = uv.os_environ(), {}
  for name, value in pairs(extra or {}) do merged[name] = value or nil end
  for name, value in pairs(merged) do list[#list + 1] = name .. "=" .. value end
  return list
end

--- Starts `command`. Options: `cwd`, `env` (added to ours; false removes),
-- `log` (a path that gets both outputs; else they gather in `.out` and `.err`),
-- `on_out` (takes the output's bytes as they come, for one that says very much).
function process.start(command, arguments, options)
  options = options or {}
  local self = setmetatable({ out = "", err = "", open_pipes = 0 }, metatable)
  local stdio, log = { uv.new_pipe(false) }, nil
  self.input = stdio[1]
  if options.log then
    log = assert(uv.fs_open(options.log, "a", tonumber("644", 8)))
    stdio[2], stdio[3] = log, log
  else
    stdio[2], stdio[3] = uv.new_pipe(false), uv.new_pipe(false)
    self.open_pipes = 2
  end
  local handle, pid = uv.spawn(command, {
    args = arguments,
    stdio = stdio,
    cwd = options.cwd,
    env = environment_with(options.env),
  }, function(code, signal)
    self.code, self.signal = code, signal
    alive[self.handle] = nil
    self.handle:close()
    if not self.input:is_closing() then self.input:close() end
  end)
  if log then uv.fs_close(log) end
  if not handle then error(("cannot start %s: %s"):format(command, pid), 2) end
  self.handle, self.pid = handle, pid
  alive[handle] = self
  if not options.log then
    collect(stdio[2], self, "out", options.on_out)
    collect(stdio[3], self, "err")
  end
  return self
end

--- Runs `command` to its end (within `options.seconds`, 60) and returns it:
-- `.code .signal .out .err`. `options.input` is its standard input.
function process.run(command, arguments, options)
  options = options or {}
  local self = process.start(command, arguments, options)
  self:write(options.input or "")
  self:end_input()
  self:wait(options.seconds)
  return self
end

function methods:write(bytes)
  if #bytes > 0 then self.input:write(bytes) end
end

function methods:end_input()
  self.input:shutdown(function()
    if not self.input:is_closing() then self.input:close() end
  end)
end

--- Waits for the end and all output; returns the exit code and signal.
function methods:wait(seconds)
  eventually(function()
    return self.code and self.open_pipes == 0
  end, seconds)
  return self.code, self.signal
end

function methods:kill(signal)
  if not self.code then uv.kill(self.pid, signal or "sigterm") end
end

--- Stops what still runs, by force what does not want to. For after_each.
function process.stop_all()
  for _, signal in ipairs { "sigterm", "sigkill" } do
    for _, one in pairs(alive) do one:kill(signal) end
    if pcall(eventually, function() return next(alive) == nil end, 5) then return end
  end
  error "a process of this spec cannot be killed"
end

return process
