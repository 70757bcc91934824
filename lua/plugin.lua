-- SPDX-License-Identifier: MIT
-- Loads plugins: plugins/NAME.lua beside config.lua, else the one that came
-- with the program. A plugin is a table: about, options and
-- setup(server, options).
local aggregate = require "stentor.aggregate"
local channel = require "stentor.channel"
local embedded = require "stentor.embedded"
local family = require "stentor.family"
local fold = require "stentor.fold"
local gate = require "stentor.gate"
local loader = require "stentor.config.loader"
local sandbox = require "stentor.config.sandbox"
local schema = require "stentor.config.schema"
local standin = require "stentor.config.standin"
local suggest = require "stentor.config.suggest"
local topic = require "stentor.topic"
local types = require "stentor.types"
local words = require "stentor.config.words"

local plugin = {}

local KINDS = { "string", "number", "integer", "boolean", "duration", "size",
  "rate", "url", "path", "secret", "key", "list", "one_of", "table" }

-- The tool `is` of plugins: is.duration { about = …, default = "1s" }.
local function is_tool()
  local is = {}
  for _, kind in ipairs(KINDS) do
    is[kind] = function(options) return types[kind](options or {}) end
  end
  is.channel = types.object("channel", "a channel", function(value)
    return channel.is(value) or family.is(value)
  end)
  is.topic = types.object("topic", 'a topic, as in bus:topic "events"', topic.is)
  is.gate = types.custom("gate", gate.expects, gate.list)
  return setmetatable(is, { __index = function(_, name)
    error("is: unknown type " .. suggest.unknown(name, is), 2)
  end })
end

-- What plugins call `server`.
local function facade(server, title)
  local methods = words.for_plugin(server, title)
  -- All routes as "GET /x", in the order of the config.
  function methods.routes()
    local list = {}
    for i, route in ipairs(server.routes) do list[i] = route.name.text end
    return list
  end

  -- All that is counted, by name: of the workers (core/mailbox/board.h), and
  -- of the scripts.
  function methods.counters()
    local counters = server.core.counters()
    for name, value in pairs(server.counters) do counters[name] = value end
    for name, value in pairs(aggregate.counters(server)) do
      counters[name] = value
    end
    return counters
  end

  -- Whether streams are ended and refused at the moment (`stentor drain`).
  function methods.draining() return server.core.drained() end
  return setmetatable({ name = title }, { __metatable = "server",
    __index = function(_, name)
      local method = methods[name]
      if method then return method end
      local text = "server: unknown word " .. suggest.unknown(name, methods)
      if server.phase ~= "loading" then error(text, 2) end
      server:complain(text)
      return standin.new()
    end })
end

local function find(server, name)
  local path = loader.resolve(server, "plugins/" .. name .. ".lua")
  local text, why = loader.read(path)
  if text then return text, path end
  if not why:find("No such file", 1, true) then return nil, path, why end
  path = "plugins/" .. name .. ".lua"
  return embedded(path), path
end

local function run_file(server, call)
  local text, path, why = find(server, call.name)
  if not text then
    call.tell({}, why and ("cannot read %s: %s"):format(path, why)
      or ("there is no plugins/%s.lua beside the config, and none came with "
        .. "the program"):format(call.name))
    return nil
  end
  local globals = fold.words(server)
  globals.is = is_tool()
  local environment = sandbox.new(server, globals, server.tools)
  local ok, value = loader.run(server, path, text, environment)
  if not ok then return nil end
  if type(value) ~= "table" or type(value.setup) ~= "function" then
    server.complaints:add(path, nil,
      "a plugin returns a table with a function `setup`")
    return nil
  end
  return value, path
end

local function check_options(call, definition, path)
  local fields = { as = types.string { optional = true } }
  for name, field in pairs(definition.options or {}) do
    if type(field) ~= "table" or not field.is_type then
      call.server.complaints:add(path, nil, ("options.%s: expected a type, as "
        .. 'in is.string { about = "…" }'):format(tostring(name)))
      return nil
    end
    fields[name] = field
  end
  local checked, sound = schema.check(fields, call.settings, call.tell)
  return sound and checked or nil
end

-- Whether the plugin's own name is free.
local function claim(call, title)
  local other = call.server.plugins[title]
  if other then
    call.tell({}, ("is loaded already, on line %d of %s: name the second with "
      .. 'as = "…"'):format(other.line or 0, other.path))
    return false
  end
  call.server.plugins[title] = call
  return true
end

-- The word `plugin`: what `setup` returns.
function plugin.load(call)
  local server = call.server
  if not call.name:find("^[%w_%-]+$") then
    call.tell({}, "its name must be letters, digits, _ and -")
    return standin.new()
  end
  local title = call.settings.as or call.name
  if type(title) == "string" and not claim(call, title) then
    return standin.new()
  end
  local definition, path = run_file(server, call)
  local options = definition and check_options(call, definition, path)
  if not options then return standin.new() end
  call.options = options
  server.plugin = title
  local ok, value = loader.call(server, ('plugin "%s": '):format(title),
    definition.setup, facade(server, title), options)
  server.plugin = nil
  if not ok then return standin.new() end
  return value
end

return plugin
