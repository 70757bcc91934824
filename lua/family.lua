-- SPDX-License-Identifier: MIT
-- A channel whose name has parameters: rooms(id) is a member, made when first
-- asked for; rooms:find(id) the same, or nil.
local channel = require "stentor.channel"
local names = require "stentor.names"
local refusal = require "stentor.refusal"
local standin = require "stentor.config.standin"

local family = {}
family.__index = family

function family:__tostring()
  return ('family "%s"'):format(self.name)
end

function family.is(value)
  return getmetatable(value) == family
end

function family.new(server, name, parsed, settings)
  return setmetatable({ name = name, server = server, parsed = parsed,
    settings = settings, hooks = server.hooks:child() }, family)
end

-- The values come from clients as a rule, so a bad one is the request's fault.
local function member_name(self, ...)
  local count = select("#", ...)
  if count ~= #self.parsed.params then
    error(('channel "%s" needs %d value(s), got %d'):format(self.name,
      #self.parsed.params, count), 3)
  end
  local name, why = names.fill(self.parsed, { ... })
  if not name then
    error(refusal.new(400, ('channel "%s": %s'):format(self.name, why)), 0)
  end
  return name
end

function family:__call(...)
  local server = self.server
  if not server:may_act("a family's member") then return standin.new() end
  local name = member_name(self, ...)
  local member = server.channels[name]
  if member then return member end
  member = channel.new(server, name, self.settings, self.hooks)
  member.family = self
  local ok, why, code = member:open()
  if not ok then
    if code == "EFULL" then
      why = "no more channels: limits.channels is reached"
    end
    error(refusal.later(30, ('channel "%s": %s'):format(name, why)), 0)
  end
  server.channels[name] = member
  member:resume()
  return member
end

function family:find(...)
  if not self.server:may_act("a family's member") then return nil end
  return self.server.channels[member_name(self, ...)]
end

function family:on(what, fn)
  self.server:declare_hook(self.hooks, ('channel "%s"'):format(self.name),
    what, fn)
end

return family
