-- SPDX-License-Identifier: MIT
-- The words of configs, and the same as methods for plugins. A word is called
-- as word {…}, word "name" {…} or word("name", {…}); the rest are ordinary
-- calls.
local aggregate_word = require "stentor.config.aggregate"
local declare = require "stentor.config.declare"
local fold = require "stentor.fold"
local gate = require "stentor.gate"
local kafka = require "stentor.config.kafka"
local keep = require "stentor.keep"
local loader = require "stentor.config.loader"
local settings = require "stentor.config.settings"
local standin = require "stentor.config.standin"
local timers = require "stentor.timers"
local types = require "stentor.types"
local units = require "stentor.units"

local words = {}

-- What a word's function gets: { server, word, name, settings, path, line,
-- tell(keys, text, whole) }. Complaints name the setting's own line.
local function call_new(server, word, name, given)
  local path, line = server:where()
  local call = { server = server, word = word, name = name, settings = given,
    path = path, line = line }
  local title = name and ('%s %s'):format(word, types.show(name)) or word
  function call.tell(keys, text, whole)
    local at, source = line, server.sources[path]
    if source and line then
      at = source:setting_line(word, name, line, keys)
    end
    if not whole and #keys > 0 then
      text = table.concat(keys, ".") .. ": " .. text
    end
    server.complaints:add(path, at, ("%s: %s"):format(title, text))
  end
  return call
end
words.call_new = call_new

local function setting_word(server, word)
  return function(given)
    server:only_loading(word)
    settings[word](call_new(server, word, nil, given))
  end
end

-- Runs `fn` for a named word once its table is there. Until then it is a
-- stand-in that remembers to complain.
local function named_word(server, word, fn)
  local function finish(call, given)
    if type(given) ~= "table" or getmetatable(given) then
      if not standin.is(given) then
        call.tell({}, ("expected a table after the name, got %s")
          :format(types.show(given)))
      end
      return standin.new()
    end
    call.settings = given
    return fn(call)
  end
  return function(name, given)
    server:only_loading(word)
    local call = call_new(server, word, name, given)
    if type(name) ~= "string" then
      if not standin.is(name) then
        call.name = nil
        server.complaints:add(call.path, call.line, ('%s: expected a name, '
          .. 'as in %s "name" {}'):format(word, word))
      end
      return standin.new()
    end
    if given ~= nil then return finish(call, given) end
    server.pending[call] = true
    return standin.new(function(_, table_given)
      server.pending[call] = nil
      local _, line = server:where()
      call.line = line or call.line
      return finish(call_new(server, word, name), table_given)
    end)
  end
end

-- Complains of named words that never got their table.
function words.check_pending(server)
  for call in pairs(server.pending) do
    call.tell({}, ('its table is missing: write %s "%s" {}'):format(call.word,
      call.name))
  end
end

local function every_word(server)
  return function(interval, fn)
    server:only_loading("every")
    if standin.is(interval) or standin.is(fn) then return end
    local seconds = units.duration(interval)
    if not seconds or seconds < 0.001 then
      return server:complain(('every: expected a duration such as "15s", '
        .. "got %s"):format(types.show(interval)))
    end
    if type(fn) ~= "function" then
      return server:complain("every: expected a function after the duration")
    end
    table.insert(server.timers, { kind = "every", fn = fn,
      interval = seconds * 1000, title = server:title "every" })
  end
end

-- The one word that handlers may use too.
local function task_word(server)
  return function(fn)
    if standin.is(fn) then return end
    if type(fn) ~= "function" then
      if server.phase ~= "loading" then
        error("task: expected a function", 2)
      end
      return server:complain("task: expected a function")
    end
    local task = { kind = "task", fn = fn, title = server:title "task" }
    if server.phase == "loading" then
      table.insert(server.timers, task)
    else
      timers.start(server, task)
    end
  end
end

local function include_word(server, environment)
  local under_way = {}
  return function(name)
    server:only_loading("include")
    if standin.is(name) then return name end
    if type(name) ~= "string" then
      server:complain('include: expected a path, as in include "routes.lua"')
      return standin.new()
    end
    local path = loader.resolve(server, name)
    if under_way[path] or path == server.path then
      server:complain(('include: "%s" includes itself'):format(name))
      return standin.new()
    end
    local text, why = loader.read(path)
    if not text then
      server:complain(('include: cannot read "%s": %s'):format(path, why))
      return standin.new()
    end
    under_way[path] = true
    local ok, value = loader.run(server, path, text, environment())
    under_way[path] = nil
    if not ok then return standin.new() end
    return value
  end
end

-- The words that configs and plugins share.
-- `owner`: of what it keeps, a plugin's name.
local function shared(server, owner)
  return {
    aggregate = named_word(server, "aggregate", aggregate_word),
    keep = named_word(server, "keep", function(call)
      return keep.declare(call, owner)
    end),
    channel = named_word(server, "channel", declare.channel),
    route = named_word(server, "route", declare.route),
    every = every_word(server),
    task = task_word(server),
    on = function(what, fn)
      server:declare_hook(server.hooks, nil, what, fn)
    end,
  }
end

-- `load_plugin(call)`: of lua/plugin.lua. `environment()` gives the one of
-- configs, for what they include.
function words.for_config(server, load_plugin, environment)
  local all = shared(server)
  for _, word in ipairs { "listen", "workers", "limits", "journal",
    "heartbeat", "supervise" } do
    all[word] = setting_word(server, word)
  end
  all.log = setmetatable({}, { __index = server.log, __metatable = "log",
    __call = function(_, given)
      server:only_loading("log")
      settings.log(call_new(server, "log", nil, given))
    end })
  all.admit = function(given)
    server:only_loading("admit")
    local list = gate.list(given)
    if list then
      for _, one in ipairs(list) do table.insert(server.gates, one) end
    elseif not standin.is(given) then
      server:complain(("admit: expected %s, got %s"):format(gate.expects,
        types.show(given)))
    end
  end
  all.kafka = function(given)
    server:only_loading("kafka")
    return kafka.declare(call_new(server, "kafka", nil, given), call_new)
  end
  all.plugin = named_word(server, "plugin", load_plugin)
  all.include = include_word(server, environment)
  for name, word in pairs(fold.words(server)) do all[name] = word end
  return all
end

-- As methods: server:route("GET /x", {…}).
function words.for_plugin(server, owner)
  local methods = {}
  for word, fn in pairs(shared(server, owner)) do
    methods[word] = function(_, ...) return fn(...) end
  end
  return methods
end

return words
