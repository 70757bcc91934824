-- SPDX-License-Identifier: MIT
-- The tool log.debug/info/warn/error(text, fields): one line each.
local log = {}

local NAMES = { "debug", "info", "warn", "error" }
local VALUE_MAX = 1000

local function value_text(value)
  local text = tostring(value)
  if #text > VALUE_MAX then text = text:sub(1, VALUE_MAX) .. "…" end
  if text == "" or text:find('[%s="%c]') then
    text = '"' .. text:gsub('[%c"\\]', function(char)
      return ("\\x%02x"):format(char:byte())
    end) .. '"'
  end
  return text
end

-- "text key=value …", keys in order; `fields` may be one plain value.
function log.line(text, fields)
  text = tostring(text)
  if fields == nil then return text end
  if type(fields) ~= "table" then return text .. " " .. value_text(fields) end
  local keys = {}
  for key in pairs(fields) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local parts = { text }
  for _, key in ipairs(keys) do
    parts[#parts + 1] = tostring(key) .. "=" .. value_text(fields[key])
  end
  return table.concat(parts, " ")
end

function log.new(core)
  local self = {}
  for _, name in ipairs(NAMES) do
    local level = core.levels[name]
    self[name] = function(text, fields)
      core.log(level, log.line(text, fields))
    end
  end
  return self
end

return log
