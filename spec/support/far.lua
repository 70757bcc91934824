-- SPDX-License-Identifier: MIT
--- Another machine, as far as the network goes: a namespace that a pair of
-- virtual Ethernet devices joins to ours, and that can be cut off, without a
-- FIN or a RST from anybody.
local uv = require "luv"
local process = require "spec.support.process"

local far = {}
local methods = {}
local metatable = { __index = methods }
local alive = {}

local function ip(arguments)
  local list = {}
  for word in arguments:gmatch "%S+" do list[#list + 1] = word end
  local run = process.run("ip", list)
  if run.code ~= 0 then error(("ip %s: %s"):format(arguments, run.err), 0) end
end

--- Fields: `address`, ours as seen from there. nil and why, where the system
-- lets nobody make namespaces (as in a container that is not privileged).
function far.start()
  local id = uv.os_getpid() % 16384 -- of the net 198.18.0.0/16, in fours
  local net = ("198.18.%d.%d"):format(math.floor(id / 64), id % 64 * 4)
  local base = net:match "^(.*%.)%d+$"
  local host = tonumber(net:match "%d+$")
  local self = setmetatable({ name = "stentor" .. id, device = "stentor" .. id,
    address = base .. host + 1 }, metatable)
  local ok, why = pcall(function()
    ip("netns add " .. self.name)
    alive[self] = true
    ip(("link add %s type veth peer name far netns %s"):format(self.device, self.name))
    ip(("address add %s/30 dev %s"):format(self.address, self.device))
    ip(("link set %s up"):format(self.device))
    ip(("-n %s address add %s%d/30 dev far"):format(self.name, base, host + 2))
    ip(("-n %s link set far up"):format(self.name))
  end)
  if ok then return self end
  self:stop()
  return nil, why
end

--- Starts a program over there; as process.start.
function methods:process(command, arguments, options)
  local list = { "netns", "exec", self.name, command }
  for _, argument in ipairs(arguments) do list[#list + 1] = argument end
  return process.start("ip", list, options)
end

--- From here on nothing gets through, either way.
function methods:cut()
  ip(("-n %s link set far down"):format(self.name))
end

function methods:stop()
  if not alive[self] then return end
  alive[self] = nil
  process.run("ip", { "netns", "delete", self.name })
  process.run("ip", { "link", "delete", self.device })
end

--- For after_each.
function far.stop_all()
  for one in pairs(alive) do one:stop() end
end

return far
