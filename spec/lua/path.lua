-- SPDX-License-Identifier: MIT
-- Finds "stentor.config.schema" in lua/config/schema.lua, as the program does
-- with what is embedded in it, so that the specs of lua/ run without it.
local function read(path)
  local handle = io.open(path, "rb")
  if not handle then return nil end
  local text = handle:read("*a")
  handle:close()
  return text
end

local function search(name)
  local rest = name:match("^stentor%.(.+)$")
  if not rest then return "" end
  local path = "lua/" .. rest:gsub("%.", "/") .. ".lua"
  local text = read(path)
  return text and assert(loadstring(text, "@" .. path)) or "\n\tno " .. path
end

if not package.preload["stentor.embedded"] then
  package.preload["stentor.embedded"] = function() return read end
  table.insert(package.loaders, 2, search)
end
