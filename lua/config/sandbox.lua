-- SPDX-License-Identifier: MIT
-- The strict environment of configs and plugins: the words and tools, plain
-- Lua, and nothing else. What has effects on its own (io, os.execute) is not
-- there.
local globals = require "stentor.config.globals"
local standin = require "stentor.config.standin"
local suggest = require "stentor.config.suggest"

local sandbox = {}

local PLAIN = { "assert", "bit", "coroutine", "error", "getmetatable",
  "ipairs", "math", "next", "pairs", "pcall", "rawequal", "rawget", "rawset",
  "require", "select", "setmetatable", "string", "table", "tonumber",
  "tostring", "type", "unpack", "xpcall" }

local function absent_in_os(_, name)
  error(name == "getenv" and "os.getenv: write env.NAME"
    or ("os.%s: is not for scripts"):format(tostring(name)), 2)
end

local function plain_lua()
  local values = {}
  for _, name in ipairs(PLAIN) do values[name] = _G[name] end
  values.bit = require "bit"
  values.os = setmetatable({ time = os.time, date = os.date,
    clock = os.clock, difftime = os.difftime }, { __index = absent_in_os })
  return values
end

local function unknown_text(values, name)
  return "unknown word " .. suggest.unknown(name, values)
end

local function assigned_text(values, name)
  if rawget(values, name) ~= nil then
    return ('"%s" is a word already: write it without "=", or local %s = … for '
      .. "a value of your own"):format(name, name)
  end
  return ('"%s" is assigned without local: write local %s = …')
    :format(name, name)
end

-- `words` and `tools` become its globals.
function sandbox.new(server, words, tools)
  local values = plain_lua()
  for name, tool in pairs(tools) do values[name] = tool end
  for name, word in pairs(words) do values[name] = word end
  local assigned = {} -- what a forgotten `local` has put there
  return setmetatable(values, { __metatable = "sandbox",
    __index = function(_, name)
      if assigned[name] ~= nil then return assigned[name] end
      if server.phase ~= "loading" then
        error(unknown_text(values, name), 2)
      end
      server:complain(unknown_text(values, name))
      return standin.new()
    end,
    __newindex = function(_, name, value)
      if server.phase ~= "loading" then error(assigned_text(values, name), 2) end
      server:complain(assigned_text(values, name))
      assigned[name] = value
    end })
end

-- Names the unknown words and forgotten locals in all of `chunk`, before it
-- runs.
function sandbox.scan(server, chunk, path, values)
  local set = {}
  globals.scan(chunk, function(line, name, is_set)
    if is_set then
      set[name] = true
      server.complaints:add(path, line, assigned_text(values, name))
    end
  end)
  globals.scan(chunk, function(line, name, is_set)
    if not is_set and not set[name] and rawget(values, name) == nil then
      server.complaints:add(path, line, unknown_text(values, name))
    end
  end)
end

return sandbox
