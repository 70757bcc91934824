-- SPDX-License-Identifier: MIT
-- Checks a table against its fields, closed: what is not named is a mistake.
local standin = require "stentor.config.standin"
local suggest = require "stentor.config.suggest"

local schema = {}

local function extended(keys, key)
  local longer = {}
  for i, outer in ipairs(keys) do longer[i] = outer end
  longer[#longer + 1] = tostring(key)
  return longer
end

local function check_unknown(fields, given, tell, keys)
  local unknown = {}
  for key in pairs(given) do
    if not fields[key] then unknown[#unknown + 1] = key end
  end
  table.sort(unknown, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(unknown) do
    local what = type(key) == "string" and "unknown setting "
      or "settings have names, there is none for entry "
    tell(extended(keys, key), what .. suggest.unknown(key, fields), true)
  end
end

local function sorted_names(fields)
  local list = {}
  for name in pairs(fields) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- `fields`: name → type. Returns what the types made of the values, defaults
-- included, and whether all is sound: no mistake, and no stand-in for one that
-- was made before. `tell(keys, text, whole)` hears of each mistake: `keys` lead
-- to the setting, `whole` says that the text already names it.
function schema.check(fields, given, hear, keys)
  keys = keys or {}
  local checked, sound = {}, true
  local function tell(...)
    sound = false
    hear(...)
  end
  check_unknown(fields, given, tell, keys)
  for _, name in ipairs(sorted_names(fields)) do
    local field, value = fields[name], given[name]
    if standin.is(value) then
      checked[name], sound = value, false
    elseif value ~= nil then
      checked[name] = field:check(value, tell, extended(keys, name))
    elseif field.default ~= nil then
      checked[name] = field:check(field.default, tell, extended(keys, name))
    elseif not field.optional then
      tell(keys, ('setting "%s" is missing'):format(name), true)
    end
  end
  return checked, sound
end

return schema
