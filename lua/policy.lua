-- SPDX-License-Identifier: MIT
-- How the streams of a route are kept: `lagging`, `limits` and `heartbeat`, as
-- the workers take it. A `heartbeat` that is a function is asked once for each
-- stream; what it answers with is checked when it is seen for the first time.
local coroutines = require "stentor.coroutines"
local heartbeat = require "stentor.config.heartbeat"

local policy = {}

local ANSWERS_MAX = 1000 -- of a function, kept as they were checked
local FIELDS = { "every", "jitter", "idle", "event", "text", "id" }

-- Once the whole config is known. `route.policy` stays nil where the streams
-- are kept as the server says.
function policy.prepare(server, route)
  local settings = server.settings
  local limits = settings.limits
  local own = route.limits
  route.kept = { lagging = route.lagging,
    client_lag_bytes = own.client_lag or limits.client_lag_bytes,
    client_lag_time_ms = own.client_lag_time
      and math.floor(own.client_lag_time * 1000 + 0.5)
      or limits.client_lag_time_ms }
  route.is_own = route.lagging ~= "disconnect" or own.client_lag ~= nil
    or own.client_lag_time ~= nil
  route.policies = setmetatable({}, { __mode = "k" })
  if type(route.heartbeat) == "function" then
    route.asks_heartbeat = true
  elseif route.heartbeat then
    route.policy = policy.with(server, route, route.heartbeat)
  else
    route.asks_heartbeat = settings.heartbeat_of ~= nil
    route.policy = route.is_own
      and policy.with(server, route, settings.heartbeat) or nil
  end
end

-- The policy of the route's streams with this heartbeat; made once for each.
function policy.with(server, route, beat)
  local made = route.policies[beat]
  if not made then
    local kept = route.kept
    made = server.core.policy { lagging = kept.lagging, heartbeat = beat,
      client_lag_bytes = kept.client_lag_bytes,
      client_lag_time_ms = kept.client_lag_time_ms }
    route.policies[beat] = made
  end
  return made
end

-- A text that stands for what was returned; nil if only a check can tell.
local function text_of(given)
  if type(given) ~= "table" then
    return type(given) .. tostring(given)
  end
  local parts, count = {}, 0
  for i, name in ipairs(FIELDS) do
    local value = given[name]
    if value ~= nil then count = count + 1 end
    parts[i] = type(value) .. tostring(value)
  end
  for _ in pairs(given) do count = count - 1 end
  return count == 0 and not getmetatable(given) and table.concat(parts, "\0")
    or nil
end

-- What a heartbeat function returned, checked; or nil, what is wrong.
local function read(server, given)
  local text = text_of(given)
  local known = text and server.beats[text]
  if known then return known end
  local wrong = {}
  local beat = heartbeat.check(given, function(keys, why, whole)
    if not whole and #keys > 0 then
      why = table.concat(keys, ".") .. ": " .. why
    end
    wrong[#wrong + 1] = why
  end, {})
  if not beat then return nil, table.concat(wrong, "; ") end
  if text then
    if server.beat_count >= ANSWERS_MAX then
      server.beats, server.beat_count = {}, 0
    end
    server.beats[text], server.beat_count = beat, server.beat_count + 1
  end
  return beat
end

-- Asks `fn`; nil stands for the default, and so does a mistake, which is told.
local function ask(server, route, fn, request)
  local ok, given = coroutines.call(fn, request)
  local beat, why
  if ok and given == nil then return nil end
  if ok then beat, why = read(server, given) else why = tostring(given) end
  if not beat then server:failed(route.title, "heartbeat: " .. why) end
  return beat
end

-- The policy of the stream that `request` becomes; nil for the server's own.
function policy.of(server, route, request)
  if not route.asks_heartbeat then return route.policy end
  local own, all = route.heartbeat, server.settings.heartbeat_of
  local beat = own and ask(server, route, own, request)
  if not beat and all then beat = ask(server, route, all, request) end
  if beat then return policy.with(server, route, beat) end
  return route.is_own
    and policy.with(server, route, server.settings.heartbeat) or nil
end

return policy
