-- SPDX-License-Identifier: MIT
--- The processes of a server under faults, to be killed and frozen.
local uv = require "luv"
local proc = require "spec.support.proc"
local sockets = require "spec.faults.sockets"

local processes = {}
local methods = {}
local metatable = { __index = methods }

--- Of `server` (spec.support.server), which `readers` (a list) listen to.
function processes.new(server, readers)
  return setmetatable({ server = server, readers = readers, frozen = {} }, metatable)
end

--- Those of a role: "worker" or "brain". (There are two brains while the config
-- is reloaded.)
function methods:list(role)
  local list = {}
  for _, child in ipairs(self.server:children()) do
    if child.role and child.role:match "^%a+" == role then list[#list + 1] = child end
  end
  return list
end

--- One of them, or nil.
function methods:any(role, source)
  local list = self:list(role)
  return #list > 0 and source:one_of(list) or nil
end

--- Kills one; returns its role, nil if it is not there any more. It is stopped
-- first: which clients it holds then is which ones lose their stream with it.
function methods:kill(child)
  if not child or not uv.kill(child.pid, "sigstop") then return nil end
  local ports = sockets.peers(child.pid)
  for _, one in ipairs(self.readers) do
    if one.port and ports[one.port] then one:expect_close "its worker was killed" end
  end
  uv.kill(child.pid, "sigkill")
  return child.role
end

--- Kills the one with this pid; returns its role or nil.
function methods:kill_pid(pid)
  for _, child in ipairs(self.server:children()) do
    if child.pid == pid then return self:kill(child) end
  end
end

--- Stops a child for `ms`; returns what it did, or nil.
function methods:freeze(child, ms)
  if not child or self.frozen[child] or not uv.kill(child.pid, "sigstop") then return nil end
  local timer = uv.new_timer()
  self.frozen[child] = timer
  timer:start(ms, 0, function() self:thaw(child) end)
  return ("%s for %d ms"):format(child.role, ms)
end

-- What has gathered for a worker's clients may be more than they may be behind
-- (client_lag), and clients that move wait for who takes them over: so any of
-- them may be closed for its lag now, through no fault of the server's.
function methods:thaw(child)
  if child.role:find "^worker" then
    for _, one in ipairs(self.readers) do one:expect_close "a worker stood still" end
  end
  self.frozen[child]:close()
  self.frozen[child] = nil
  if proc.is_alive(child) then uv.kill(child.pid, "sigcont") end
end

function methods:thaw_all()
  for child in pairs(self.frozen) do self:thaw(child) end
end

return processes
