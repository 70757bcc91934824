-- SPDX-License-Identifier: MIT
-- `keep "name" {…}`: tables of plain values that a reload hands on. They lie on
-- the shelf (core/mailbox/shelf.h) between the release of one brain and the
-- start of the next; one that comes after a death throws them away.
local buffer = require "string.buffer"
local standin = require "stentor.config.standin"

local keep = {}

local PREFIX = "keep "
local DEPTH_MAX = 50
local PLAIN = { string = true, number = true, boolean = true }

local function key_text(key)
  return type(key) == "string" and "." .. key or ("[%s]"):format(tostring(key))
end

-- What of the table is no plain value; or nil.
local function not_plain(value, path, depth)
  local kind = type(value)
  if PLAIN[kind] then return nil end
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
    local wrong = not_plain(inner, path .. key_text(key), depth + 1)
    if wrong then return wrong end
  end
  return nil
end

-- The word; `owner` is the plugin whose table it is, or nil.
function keep.declare(call, owner)
  local server, kept = call.server, call.server.kept
  local name = owner and owner .. "/" .. call.name or call.name
  if kept[name] then
    call.tell({}, "is declared twice")
    return standin.new()
  end
  if #name > 150 then call.tell({}, "its name is longer than 150 bytes") end
  local wrong = not_plain(call.settings, "it", 1)
  if wrong then call.tell({}, wrong) end
  kept[name] = call.settings
  server.kept = kept
  return call.settings
end

local function failed(server, name, why)
  server:failed(('keep "%s"'):format(name), "is not handed on: " .. why)
end

-- Leaves all of it for the next brain.
function keep.leave(server)
  for name, values in pairs(server.kept) do
    local wrong = not_plain(values, "it", 1)
    if wrong then
      failed(server, name, wrong)
    else
      local ok, why, code = server.core.keep_put(PREFIX .. name,
        buffer.encode(values))
      if code == "EFULL" then why = "limits.kept is reached" end
      if not ok then failed(server, name, why) end
    end
  end
end

-- What was kept wins; what the config has of its own besides stays.
local function fill(server, name, text)
  local values = server.kept[name]
  if not values then return end
  local ok, old = pcall(buffer.decode, text)
  if not ok then return failed(server, name, "cannot be read") end
  for key, value in pairs(old) do values[key] = value end
end

-- Takes what the brain before this one has left, if it was told to go.
function keep.take(server)
  local core = server.core
  local handed_over = core.handed_over()
  for _, name in ipairs(core.keep_names()) do
    if name:sub(1, #PREFIX) == PREFIX then
      local text = handed_over and core.keep_get(name)
      if text then fill(server, name:sub(#PREFIX + 1), text) end
      core.keep_remove(name)
    end
  end
end

return keep
