-- SPDX-License-Identifier: MIT
-- The word `aggregate`.
local aggregate = require "stentor.aggregate"
local channel = require "stentor.channel"
local fold = require "stentor.fold"
local loop = require "stentor.aggregate.loop"
local schema = require "stentor.config.schema"
local standin = require "stentor.config.standin"
local topic = require "stentor.topic"
local types = require "stentor.types"

local SOURCES_MAX = 64 -- channels: see stentor_read

-- As { channels, topics }.
local source = types.custom("source", "a channel, a topic or a list of them",
  function(value)
    if channel.is(value) or topic.is(value) then value = { value } end
    if type(value) ~= "table" or getmetatable(value) or #value == 0
        or #value > SOURCES_MAX then
      return nil
    end
    local from, seen = { channels = {}, topics = {} }, {}
    for _, one in ipairs(value) do
      local list = channel.is(one) and from.channels
        or topic.is(one) and from.topics
      if not list or seen[one] then return nil end
      seen[one] = true
      table.insert(list, one)
    end
    return from
  end)

local AGGREGATE = {
  from = source {},
  where = types["function"] { optional = true },
  by = types.key { optional = true },
  fold = types.table {},
  window = types.custom("window", '"all": all records since the beginning',
    function(value) return value == "all" and value or nil end)
    { default = "all" },
  every = types.duration { default = "1s", min = "10ms", max = "1d" },
  keys = types.count { default = "10k", min = 1, max = 10 ^ 7 },
  into = types.object("channel", "a channel", channel.is) { optional = true },
}

-- Whether the folds are sound.
local function check_folds(call, folds)
  local count, sound = 0, true
  local names = {}
  for name in pairs(folds) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local one = folds[name]
    count = count + 1
    if standin.is(one) then
      sound = false
    elseif type(name) ~= "string" then
      sound = false
      call.tell({ "fold" }, "each fold needs a name, as in "
        .. "fold = { n = count() }")
    elseif not fold.is(one) then
      sound = false
      local hint = type(one) == "function" and ": call it, as in count()" or ""
      call.tell({ "fold", name }, "expected a fold such as count() or "
        .. ('sum "payload.price", got %s%s'):format(types.show(one), hint))
    end
  end
  if count == 0 then call.tell({ "fold" }, "has no fold") end
  if count > loop.FOLDS_MAX then
    call.tell({ "fold" }, ("%d folds, at most %d"):format(count,
      loop.FOLDS_MAX))
  end
  return sound and count > 0 and count <= loop.FOLDS_MAX
end

local function check_name(call)
  local name, server = call.name, call.server
  if not name:find("^[%w_][%w_%-%.]*$") or #name > 100 then
    call.tell({}, "its name must be letters, digits, _ - and . (at most 100)")
    return false
  end
  for _, other in ipairs(server.aggregates) do
    if other.name == name then
      call.tell({}, ("is declared twice, first on line %d of %s"):format(
        other.line or 0, other.path))
      return false
    end
  end
  return true
end

-- Whether what it gives would come back to it, at once or by way of a topic.
local function has_circle(checked)
  local into = checked.into
  if not into then return false end
  for _, one in ipairs(checked.from.channels) do
    if one == into or into.settings.into
        and one.settings.from == into.settings.into then
      return true
    end
  end
  for _, one in ipairs(checked.from.topics) do
    if one == into.settings.into then return true end
  end
  return false
end

-- The word: declares an aggregate, and returns it.
return function(call)
  local named = check_name(call)
  local checked, sound = schema.check(AGGREGATE, call.settings, call.tell)
  if type(checked.fold) == "table" and not standin.is(checked.fold) then
    sound = check_folds(call, checked.fold) and sound
  end
  if not named or not sound then return standin.new() end
  if has_circle(checked) then
    call.tell({ "into" }, "leads back to what it is made from")
    return standin.new()
  end
  local server = call.server
  local made = aggregate.new(server, call.name, checked)
  made.path, made.line = call.path, call.line
  made.title = ('aggregate "%s" (%s:%d)'):format(call.name, call.path,
    call.line or 0)
  table.insert(server.aggregates, made)
  server:on_status(tostring(made), function() return made:summary() end)
  return made
end
