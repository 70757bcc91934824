-- SPDX-License-Identifier: MIT
-- What the brain says for `stentor status`: of the scripts, and what other parts
-- have to say (server:on_status). As lines to read, or as JSON.
local json = require "stentor.json"

local status = {}

local function parts(server)
  local list = { { name = "scripts", values = {
    errors = server.counters.errors, handlers = server.pool.busy,
    handlers_full = server.counters.handlers_full,
    hooks_dropped = server.counters.hooks_dropped, routes = #server.routes,
    timers = #server.timers,
    memory_kb = math.floor(collectgarbage("count")),
  } } }
  for _, part in ipairs(server.status_parts) do
    local ok, values = pcall(part.fn)
    list[#list + 1] = { name = part.name,
      values = ok and values or { error = tostring(values) } }
  end
  return list
end

local function sorted_keys(values)
  local keys = {}
  for key in pairs(values) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- "  errors    3", tables indented below their name.
local function add_lines(lines, values, indent)
  for _, key in ipairs(sorted_keys(values)) do
    local value = values[key]
    if type(value) == "table" and next(value) ~= nil then
      lines[#lines + 1] = ("%s%s"):format(indent, tostring(key))
      add_lines(lines, value, indent .. "  ")
    elseif type(value) ~= "table" then
      lines[#lines + 1] = ("%s%-24s%s"):format(indent, tostring(key),
        type(value) == "number" and ("%.14g"):format(value) or tostring(value))
    end
  end
end

function status.text(server)
  local lines = {}
  for _, part in ipairs(parts(server)) do
    lines[#lines + 1] = part.name
    add_lines(lines, part.values, "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- A longer one would be cut, and then it is no JSON.
function status.json(server)
  local values = {}
  for _, part in ipairs(parts(server)) do values[part.name] = part.values end
  local ok, text = pcall(json.encode, values)
  if not ok then text = json.encode { error = text } end
  if #text > server.core.status_bytes then
    return json.encode { error = "longer than can be told" }
  end
  return text
end

-- `item.ticket`: 1 if JSON was asked for.
function status.say(server, item)
  server.core.say_status(tonumber(item.ticket) == 1 and status.json(server)
    or status.text(server))
end

return status
