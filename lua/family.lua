-- SPDX-License-Identifier: MIT
-- A channel whose name has parameters: rooms(id) is a member, made when first
-- asked for; rooms:find(id) the same, or nil.
local channel = require "stentor.channel"
local client = require "stentor.client"
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

-- Makes the member; or nil, message, name.
local function add(self, name)
  local member = channel.new(self.server, name, self.settings, self.hooks)
  member.family = self
  local ok, why, code = member:open()
  if not ok then return nil, why, code end
  self.server.channels[name] = member
  member:resume()
  return member
end

function family:__call(...)
  if not self.server:may_act("a family's member") then return standin.new() end
  return self:member(member_name(self, ...))
end

-- The member of that name, which is used now.
function family:member(name)
  local member = self.server.channels[name]
  if member then
    member.used = true
    return member
  end
  local made, why, code = add(self, name)
  if not made then
    if code == "EFULL" then
      why = "no more channels: limits.channels is reached"
    end
    error(refusal.later(30, ('channel "%s": %s'):format(name, why)), 0)
  end
  return made
end

-- Whether some family of this config has a member of that name.
function family.covers(server, name)
  for _, one in ipairs(server.families) do
    if names.covers(one.parsed, name) then return true end
  end
  return false
end

-- The family whose member `name` is: of several the most literal one.
local function of_member(server, name)
  local found, most
  for _, one in ipairs(server.families) do
    local literals = names.covers(one.parsed, name)
    if literals and (not most or literals > most) then
      found, most = one, literals
    end
  end
  return found
end

-- The member with a number of an earlier brain's: somebody may want to be told
-- of what happens to its clients. nil if no family has it.
function family.revive(server, number)
  local name = server.core.channel_name(number)
  local of = name and of_member(server, name)
  return of and add(of, name) or nil
end

-- Calls `visit(number, family, name)` for each member that an earlier brain has
-- left and this one has not made.
local function each_left(server, visit)
  if #server.families == 0 then return end
  local number = 0
  local name = server.core.channel_name(number)
  while name do
    local of = name ~= "" and not server.numbered[number]
      and of_member(server, name)
    if of then visit(number, of, name) end
    number = number + 1
    name = server.core.channel_name(number)
  end
end

-- Makes the members that have clients since before this brain.
function family.resume(server)
  each_left(server, function(number, of, name)
    if server.core.clients(number) == 0 then return end
    local member = add(of, name)
    if member and member.hooks:wants_clients() then client.count(member) end
  end)
end

-- Gives back the places of those that nobody has come back to.
function family.leave(server)
  each_left(server, function(number, of)
    if server.core.clients(number) == 0 and not of.settings.into then
      server.core.close(number)
    end
  end)
end

-- Events of members that an earlier brain had may still have to be copied to
-- Kafka, though nobody asks for the members.
function family.copy(server)
  local number = 0
  while #server.families > 0 do
    local name = server.core.channel_name(number)
    if not name then return end
    local of = name ~= "" and of_member(server, name)
    if of and of.settings.into then
      server.core.topic_channel(of.settings.into.number, number)
    end
    number = number + 1
  end
end

function family:find(...)
  if not self.server:may_act("a family's member") then return nil end
  local member = self.server.channels[member_name(self, ...)]
  return member and member:in_use()
end

function family:on(what, fn)
  self.server:declare_hook(self.hooks, ('channel "%s"'):format(self.name),
    what, fn)
end

return family
