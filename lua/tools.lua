-- SPDX-License-Identifier: MIT
-- The tools that are global everywhere: env, file, now, sleep, json, log,
-- later. lua-cjson's and luv's names stay out of scripts.
local json = require "stentor.json"
local loader = require "stentor.config.loader"
local refusal = require "stentor.refusal"
local standin = require "stentor.config.standin"
local suggest = require "stentor.config.suggest"
local units = require "stentor.units"

local tools = {}

local LATER_MAX = 86400 -- seconds

-- env.NAME is a text or nil; env "NAME" a text or a mistake.
local function env_tool(server)
  return setmetatable({}, { __metatable = "env",
    __index = function(_, name) return os.getenv(name) end,
    __newindex = function() error("env: cannot be changed", 2) end,
    __call = function(_, name)
      local value = os.getenv(tostring(name))
      if value then return value end
      local text = ('env "%s": this environment variable is not set')
        :format(tostring(name))
      if server.phase ~= "loading" then error(text, 2) end
      server:complain(text)
      return standin.new()
    end })
end

local function file_tool(server)
  return function(path)
    if standin.is(path) then return path end
    local why = "expected a path"
    if type(path) == "string" then
      local text, read_why = loader.read(loader.resolve(server, path))
      if text then return text end
      why = read_why
    end
    local text = ('file "%s": cannot be read: %s'):format(tostring(path), why)
    if server.phase ~= "loading" then error(text, 2) end
    server:complain(text)
    return standin.new()
  end
end

local function sleep_tool(server)
  local function wake(co) server.pool:resume(co) end
  return function(delay)
    if not server:may_act("sleep") then return end
    local seconds = units.duration(delay)
    if not seconds then error('sleep: expected a duration such as "1s"', 2) end
    if server.may_not_wait then
      error("sleep: " .. server.may_not_wait, 2)
    end
    local co = server.pool:current()
    if not co then
      error("sleep: a coroutine of your own cannot wait; use task", 2)
    end
    server.clock:after(seconds * 1000, wake, co)
    coroutine.yield()
  end
end

-- later "30s": a refusal, to be returned or thrown.
local function later(delay)
  local seconds = units.duration(delay)
  if not seconds or seconds > LATER_MAX then
    error('later: expected a duration such as "30s", at most a day', 2)
  end
  return refusal.later(seconds)
end

-- json.decode gives nil, why for a text that is none; json.encode throws.
local function json_tool()
  return { null = json.null, list = json.list, decode = json.decode,
    encode = function(value)
      local ok, text = pcall(json.encode, value)
      if not ok then error("json.encode: " .. text, 2) end
      return text
    end }
end

local function strict(name, tool)
  return setmetatable(tool, { __index = function(_, key)
    error(("%s: unknown tool %s"):format(name, suggest.unknown(key, tool)), 2)
  end, __metatable = name })
end

function tools.new(server)
  return {
    env = env_tool(server), file = file_tool(server), later = later,
    sleep = sleep_tool(server), json = strict("json", json_tool()),
    log = strict("log", server.log),
    now = function() return math.floor(server.core.now()) end,
    print = function(...)
      local parts = { ... }
      for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
      server.log.info(table.concat(parts, " "))
    end,
  }
end

return tools
