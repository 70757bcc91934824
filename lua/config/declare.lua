-- SPDX-License-Identifier: MIT
-- The words that declare things that have a name: channel and route.
local channel = require "stentor.channel"
local family = require "stentor.family"
local gate = require "stentor.gate"
local heartbeat = require "stentor.config.heartbeat"
local names = require "stentor.names"
local narrow = require "stentor.config.narrow"
local schema = require "stentor.config.schema"
local since = require "stentor.since"
local standin = require "stentor.config.standin"
local topic = require "stentor.topic"
local types = require "stentor.types"

local declare = {}

local replay = types.custom("replay",
  'a number of events (at most 65536), a duration such as "10m", or "all"',
  function(value)
    if value == "now" then return nil end
    local parsed = since.parse(value)
    if not parsed then return nil end
    if parsed.kind == 1 then return { count = parsed.value } end
    if parsed.kind == 2 then return { seconds = parsed.value / 1000 } end
    return {}
  end)

local gates = types.custom("gate", gate.expects, gate.list)

local CHANNEL = {
  admit = types["function"] { optional = true },
  replay = replay { default = "all" },
  idle = types.duration { optional = true, min = "1s", max = "365d" },
  key = types.key { optional = true },
  latest = types.boolean { default = false },
  limits = narrow.setting "channel",
  from = types.object("topic", 'a topic, as in bus:topic "events"', topic.is)
    { optional = true },
  into = types.object("topic", 'a topic, as in bus:topic "events"', topic.is)
    { optional = true },
}

local IDLE_SECONDS = 600 -- of a member that nobody uses

local function is_stream(value)
  if type(value) == "function" or channel.is(value) then return true end
  if type(value) ~= "table" or getmetatable(value) or #value == 0 then
    return false
  end
  for _, one in ipairs(value) do
    if not channel.is(one) and not standin.is(one) then return false end
  end
  return true
end

local function route_fields(what)
  return {
    admit = gates { optional = true },
    heartbeat = heartbeat.setting,
    lagging = types.one_of { "disconnect", "skip", "conflate",
      default = "disconnect" },
    limits = narrow.setting(what),
    stream = types.custom("stream",
      "a channel, a list of channels or a function that returns one",
      function(value) return is_stream(value) and value or nil end)
      { optional = true },
    respond = types["function"] { optional = true },
    retry = types.duration { optional = true, max = "1d" },
    since = types.custom("since", since.expects, since.parse)
      { default = "now" },
  }
end

local STREAM, RESPOND = route_fields "stream", route_fields "route"

-- Reads `limits` of a route or a channel; its bounds are known later.
local function remember_narrowed(call, limits)
  if not limits or standin.is(limits) then return {} end
  table.insert(call.server.narrowed, { call = call, limits = limits })
  return limits
end

local function line_of(thing)
  return ("line %d of %s"):format(thing.line or 0, thing.path)
end

-- Whether the name's shape is still free; says so if not.
local function claim(call, kind, parsed)
  local server = call.server
  server.shapes = server.shapes or {}
  local id = kind .. " " .. parsed.shape
  local other = server.shapes[id]
  if other then
    if other.name == parsed.text then
      call.tell({}, "is declared twice, first on " .. line_of(other))
    else
      call.tell({}, ('has the same shape as "%s" on %s'):format(other.name,
        line_of(other)))
    end
    return false
  end
  server.shapes[id] = { name = parsed.text, path = call.path, line = call.line }
  return true
end

function declare.channel(call)
  local parsed, why = names.channel(call.name)
  if not parsed then
    call.tell({}, why)
    return standin.new()
  end
  local checked = schema.check(CHANNEL, call.settings, call.tell)
  if not claim(call, "channel", parsed) then return standin.new() end
  local server = call.server
  checked.replay = checked.replay or {}
  if standin.is(checked.replay) then checked.replay = {} end
  checked.limits = remember_narrowed(call, checked.limits)
  for _, name in ipairs { "key", "admit", "from", "into" } do
    if standin.is(checked[name]) then checked[name] = nil end
  end
  if checked.into then checked.into.has_channels = true end
  if checked.idle and #parsed.params == 0 then
    call.tell({ "idle" }, "only members of a family come and go")
  end
  checked.idle = checked.idle or IDLE_SECONDS
  local made
  if checked.from and #parsed.params > 0 then
    call.tell({ "from" }, "a family cannot be fed by a topic: publish to its "
      .. 'members, as in topic:on("record", function(record) … end)')
  elseif checked.from and checked.from == checked.into then
    call.tell({ "into" }, "it would feed itself: `from` is the same topic")
  end
  if #parsed.params > 0 then
    made = family.new(server, call.name, parsed, checked)
    server.families[#server.families + 1] = made
  else
    made = channel.new(server, call.name, checked, server.hooks)
    server.channels[call.name] = made
    server.channel_list[#server.channel_list + 1] = made
    if checked.from then checked.from:feed_channel(made) end
  end
  made.path, made.line = call.path, call.line
  return made
end

-- A family in `stream` deserves its own sentence.
local function check_family(call)
  local given = call.settings.stream
  if not family.is(given) then return true end
  call.tell({ "stream" }, ("a family cannot be streamed whole: write "
    .. "function(request) return …(request.params.%s) end")
    :format(given.parsed.params[1]))
  return false
end

-- What can be said of channels that are known now.
local function check_channels(call, route)
  local most = call.server.settings.limits.stream_channels
  if #route.channels > most then
    call.tell({ "stream" }, ("%d channels, limits.stream_channels is %d")
      :format(#route.channels, most))
  end
  for _, one in ipairs(route.channels) do
    if route.lagging == "conflate" and channel.is(one) and not one.key_of then
      call.tell({ "lagging" }, ('"conflate" keeps the latest event of each key, '
        .. 'but channel "%s" has no `key`'):format(one.name))
    end
  end
end

function declare.route(call)
  local parsed, why = names.route(call.name)
  if not parsed then return call.tell({}, why) end
  if not check_family(call) then return nil end
  local given = call.settings
  local checked = schema.check(given.stream ~= nil and STREAM or RESPOND, given,
    call.tell)
  local both = given.stream ~= nil and given.respond ~= nil
  if both or given.stream == nil and given.respond == nil then
    call.tell(both and { "respond" } or {}, both
      and "a route has stream or respond, not both"
      or "needs exactly one of stream, respond (one that is nil is none)",
      true)
    return nil
  end
  if not claim(call, "route", parsed) then return nil end
  if given.respond ~= nil then
    for _, name in ipairs { "heartbeat", "lagging", "retry", "since" } do
      if given[name] ~= nil then
        call.tell({ name }, "only a stream has it")
      end
    end
  end
  local stream = checked.stream
  local route = { name = parsed, path = call.path, line = call.line,
    stream = stream ~= nil, since = checked.since,
    retry_ms = math.floor((tonumber(checked.retry) or 0) * 1000),
    lagging = checked.lagging, heartbeat = checked.heartbeat,
    limits = remember_narrowed(call, checked.limits),
    title = call.server:title(('route "%s"'):format(call.name), call) }
  if not standin.is(checked.admit) then route.gates = checked.admit end
  if type(stream) == "function" or checked.respond then
    route.decide = stream or checked.respond
  elseif stream and not standin.is(stream) then
    route.channels = channel.is(stream) and { stream } or stream
    check_channels(call, route)
  end
  call.server.routes[#call.server.routes + 1] = route
  call.server.router:add(route)
  return nil
end

return declare
