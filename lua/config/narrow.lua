-- SPDX-License-Identifier: MIT
-- `limits = {…}` of a route or a channel: some of the server's limits, narrower
-- for it alone. The others hold before it is known what a request is for.
local defaults = require "stentor.config.defaults"
local schema = require "stentor.config.schema"
local types = require "stentor.types"

local narrow = {}

local NAMES = {
  route = { "body" },
  stream = { "body", "client_lag", "client_lag_time" },
  channel = { "event", "latest_keys" },
}

local function fields_of(names)
  local fields = {}
  for _, name in ipairs(names) do
    local field = {}
    for key, value in pairs(defaults.limits[name]) do field[key] = value end
    field.default, field.optional = nil, true
    fields[name] = field
  end
  return fields
end

-- The setting `limits` of a "route" (with respond), a "stream" or a "channel".
function narrow.setting(what)
  local names = NAMES[what]
  local fields = fields_of(names)
  local function check(_, given, tell, keys)
    if type(given) ~= "table" or getmetatable(given) then
      tell(keys, "expected a table, got " .. types.show(given))
      return nil
    end
    local own = {}
    for name, value in pairs(given) do
      if defaults.limits[name] and not fields[name] then
        tell({ keys[1], name }, ("is a limit of the whole server; a %s may "
          .. "narrow %s"):format(what, table.concat(names, ", ")))
      else
        own[name] = value
      end
    end
    return (schema.check(fields, own, tell, keys))
  end
  return { is_type = true, kind = "limits", optional = true, check = check }
end

-- Once the whole config is known: whether they are narrower than the server's.
-- `server.narrowed` lists { call, limits }.
function narrow.check(server)
  local settings = server.settings
  for _, one in ipairs(server.narrowed) do
    for name, value in pairs(one.limits) do
      local field = defaults.limits[name]
      local whole = settings.given_limits[name]
      if whole == nil then whole = field.default end
      local most = field:check(whole, function() end, {})
      if type(value) == "number" and most and value > most then
        one.call.tell({ "limits", name }, ("must be at most the server's "
          .. "limits.%s, %s, got %s"):format(name, types.show(whole),
          types.show(one.call.settings.limits[name])))
      end
    end
  end
end

return narrow
