-- SPDX-License-Identifier: MIT
-- What no single word can see: a config without `listen`, a channel that
-- nobody streams, one that nobody feeds. Functions are followed into what they
-- hold (their upvalues); where that leaves a doubt, nothing is said.
local channel = require "stentor.channel"
local family = require "stentor.family"
local narrow = require "stentor.config.narrow"

local usage = {}

local function is_ours(server, fn)
  local path = debug.getinfo(fn, "S").source:match("^@(.*)$")
  return path and server.sources[path]
end

-- Adds the channels and families within reach of `value` to `found`.
local function gather(server, value, found, seen)
  local kind = type(value)
  if kind ~= "table" and kind ~= "function" or seen[value] then return end
  seen[value] = true
  if channel.is(value) or family.is(value) then
    found[value] = true
  elseif kind == "table" then
    for key, inner in next, value do
      gather(server, key, found, seen)
      gather(server, inner, found, seen)
    end
  elseif is_ours(server, value) then
    for i = 1, 255 do
      local name, inner = debug.getupvalue(value, i)
      if not name then break end
      gather(server, inner, found, seen)
    end
  end
end

-- An append is at most a quarter of the journal.
local function check_sizes(server)
  local settings, once = server.settings, server.once or {}
  local most = settings.journal_bytes / 4
  local call = once.limits or once.journal
  if call and settings.limits.event_bytes > most then
    call.tell({}, ("an event of limits.event (%d bytes) does not fit into a "
      .. "quarter of journal.size (%d bytes)"):format(
      settings.limits.event_bytes, settings.journal_bytes))
  end
end

local function hook_functions(list, functions)
  for _, hooks in pairs(list.lists) do
    for _, hook in ipairs(hooks) do functions[#functions + 1] = hook.fn end
  end
end

-- Two sets: what clients may stream, what some function may publish to.
local function reach(server)
  local streamed, fed, seen_streams, seen = {}, {}, {}, {}
  local functions = {}
  for _, route in ipairs(server.routes) do
    gather(server, route.channels, streamed, seen_streams)
    if route.stream and route.decide then
      gather(server, route.decide, streamed, seen_streams)
    end
    functions[#functions + 1] = route.decide
    for _, one in ipairs(route.gates or {}) do
      functions[#functions + 1] = one
    end
  end
  for _, call in pairs(server.plugins) do
    gather(server, call.options, streamed, seen_streams)
    gather(server, call.options, fed, seen)
  end
  for _, one in ipairs(server.gates) do functions[#functions + 1] = one end
  for _, timer in ipairs(server.timers) do
    functions[#functions + 1] = timer.fn
  end
  for _, one in ipairs(server.aggregates) do
    gather(server, one.settings.from.channels, streamed, seen_streams)
    gather(server, one.settings.into, fed, seen)
  end
  hook_functions(server.hooks, functions)
  for _, one in ipairs(server.channel_list) do
    hook_functions(one.hooks, functions)
    functions[#functions + 1] = one.settings.admit
  end
  for _, one in ipairs(server.families) do
    hook_functions(one.hooks, functions)
    functions[#functions + 1] = one.settings.admit
  end
  for _, bus in ipairs(server.buses) do
    for _, topic in ipairs(bus.topic_list) do
      for _, fn in ipairs(topic.handlers) do functions[#functions + 1] = fn end
    end
  end
  for _, fn in ipairs(functions) do gather(server, fn, fed, seen) end
  return streamed, fed
end

-- Whether some script may read a channel, or hold one, out of our sight.
local function has_doubt(server, words)
  for _, source in pairs(server.sources) do
    for _, word in ipairs(words) do
      if source.text:find("%f[%w_]" .. word .. "%f[^%w_]") then return true end
    end
  end
  return false
end

local function check_channels(server)
  local streamed, fed = reach(server)
  local hidden = has_doubt(server, { "require", "setmetatable", "coroutine" })
  local read = hidden or has_doubt(server, { "recent" })
  local all = {}
  for _, one in ipairs(server.channel_list) do all[#all + 1] = one end
  for _, one in ipairs(server.families) do all[#all + 1] = one end
  for _, one in ipairs(all) do
    local title = ('channel "%s": '):format(one.name)
    if not read and not streamed[one] and not one.settings.into
        and not one.hooks.lists.publish
        and not server.hooks.lists.publish then
      server.complaints:add(one.path, one.line, title .. "nobody streams it: "
        .. "give it a route, as in route \"GET /events\" { stream = … }")
    end
    if not hidden and not fed[one] and not one.settings.from then
      server.complaints:add(one.path, one.line, title
        .. "nobody feeds it: no handler, timer or plugin publishes to it")
    end
  end
end

function usage.check(server)
  if #server.settings.listeners == 0
      and not server.complaints:any() then
    server.complaints:add(server.path, nil,
      'no address to listen on: write listen "127.0.0.1:3000"')
  end
  local most = server.settings.limits.channels
  if #server.channel_list > most then
    server.complaints:add(server.path, nil, ("%d channels are declared, "
      .. "limits.channels is %d"):format(#server.channel_list, most))
  end
  check_sizes(server)
  narrow.check(server)
  -- With other mistakes about, what is missing may only seem to be.
  if not server.complaints:any() then check_channels(server) end
end

return usage
