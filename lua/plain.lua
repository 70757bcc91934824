-- SPDX-License-Identifier: MIT
-- Plain values: texts, numbers, booleans, and tables of them, without
-- metatables. What is to outlive this brain must be plain.
local plain = {}

local DEPTH_MAX = 50
local PLAIN = { string = true, number = true, boolean = true }

local function key_text(key)
  return type(key) == "string" and "." .. key or ("[%s]"):format(tostring(key))
end

local function look(value, path, depth)
  local kind = type(value)
  if PLAIN[kind] or value == nil then return nil end
  if kind ~= "table" or getmetatable(value) then
    return ("%s is %s, which cannot be kept"):format(path,
      kind == "table" and "an object" or "a " .. kind)
  end
  if depth > DEPTH_MAX then return path .. " lies too deep" end
  for key, inner in pairs(value) do
    if not PLAIN[type(key)] then
      return ("%s has a %s as a key, which cannot be kept"):format(path,
        type(key))
    end
    local wrong = look(inner, path .. key_text(key), depth + 1)
    if wrong then return wrong end
  end
  return nil
end

-- What of the value is not plain, in words; or nil.
function plain.wrong(value) return look(value, "it", 1) end

return plain
