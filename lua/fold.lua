-- SPDX-License-Identifier: MIT
-- The folds of aggregates: count() sum(key) min(key) max(key) avg(key)
-- first(key) last(key) reduce(fn, start).
--
-- What a fold knows lies in columns: lists with one entry for each slot, a slot
-- being a key of the aggregate. So a record costs no allocation, a state of
-- many keys is a few long lists, and two states merge slot by slot. A kind is:
--   takes    "nothing", "number" or "value": what is read from a record
--   starts   what each of its columns holds in a new slot
--   apply    a statement of Lua that takes `value` into the columns `$1`, `$2`
--            at `slot`; aggregate/loop.lua puts all of them into one function
--   merge    (to, slot, from, other): adds the entries of `from` at `other`
--            to those of `to` at `slot`; both are lists of the kind's columns
--   value    (columns, slot): what scripts see; nil if there is none
local json = require "stentor.json"
local key = require "stentor.key"
local standin = require "stentor.config.standin"
local types = require "stentor.types"

local fold = {}
fold.__index = fold

-- Stands in a column for "nothing yet", since a value may be false.
local NONE = setmetatable({}, { __tostring = function() return "none" end })
fold.NONE = NONE

local kinds = {}
fold.kinds = kinds

local function finite(number)
  if number - number == 0 then return number end
  return nil
end

local function some(value)
  if value == NONE then return nil end
  return value
end

local function first_column(columns, slot) return columns[1][slot] end

local function add_first(to, slot, from, other)
  to[1][slot] = to[1][slot] + from[1][other]
end

kinds.count = { takes = "nothing", starts = { 0 },
  apply = "$1[slot] = $1[slot] + 1",
  merge = add_first, value = first_column }

kinds.sum = { takes = "number", starts = { 0 },
  apply = "$1[slot] = $1[slot] + value",
  merge = add_first,
  value = function(columns, slot) return finite(columns[1][slot]) end }

kinds.min = { takes = "number", starts = { math.huge },
  apply = "if value < $1[slot] then $1[slot] = value end",
  merge = function(to, slot, from, other)
    to[1][slot] = math.min(to[1][slot], from[1][other])
  end,
  value = function(columns, slot) return finite(columns[1][slot]) end }

kinds.max = { takes = "number", starts = { -math.huge },
  apply = "if value > $1[slot] then $1[slot] = value end",
  merge = function(to, slot, from, other)
    to[1][slot] = math.max(to[1][slot], from[1][other])
  end,
  value = function(columns, slot) return finite(columns[1][slot]) end }

kinds.avg = { takes = "number", starts = { 0, 0 },
  apply = "$1[slot], $2[slot] = $1[slot] + value, $2[slot] + 1",
  merge = function(to, slot, from, other)
    add_first(to, slot, from, other)
    to[2][slot] = to[2][slot] + from[2][other]
  end,
  value = function(columns, slot)
    local count = columns[2][slot]
    if count == 0 then return nil end
    return finite(columns[1][slot] / count)
  end }

-- `to` is the earlier one in a merge.
kinds.first = { takes = "value", starts = { NONE },
  apply = "if $1[slot] == NONE then $1[slot] = value end",
  merge = function(to, slot, from, other)
    if to[1][slot] == NONE then to[1][slot] = from[1][other] end
  end,
  value = function(columns, slot) return some(columns[1][slot]) end }

kinds.last = { takes = "value", starts = { NONE },
  apply = "$1[slot] = value",
  merge = function(to, slot, from, other)
    if from[1][other] ~= NONE then to[1][slot] = from[1][other] end
  end,
  value = function(columns, slot) return some(columns[1][slot]) end }

-- Only its author could merge two of them: it has no `merge`, and so is for
-- windows that need none.
kinds.reduce = { takes = "value", starts = { NONE },
  apply = "$1[slot] = value",
  value = function(columns, slot) return some(columns[1][slot]) end }

-- A value that can be kept: it says nothing but itself.
function fold.is_plain(value)
  local kind = type(value)
  if kind == "table" then
    return getmetatable(value) == nil or json.is_list(value)
  end
  return kind == "string" or kind == "number" or kind == "boolean"
end

-- A table of its own for each key.
function fold.copy(value)
  if type(value) ~= "table" then return value end
  local copy = json.is_list(value) and json.list {} or {}
  for name, inner in pairs(value) do copy[name] = fold.copy(inner) end
  return copy
end

function fold.is(value) return getmetatable(value) == fold end

function fold:__tostring()
  local argument = self.key
  if argument == nil then return self.kind .. "()" end
  if type(argument) == "function" then return self.kind .. "(function)" end
  return ("%s(%q)"):format(self.kind, argument)
end

local function wrong(server, text)
  server:complain(text)
  return standin.new()
end

local function keyed_word(server, kind)
  local example = ('%s "payload.price"'):format(kind)
  return function(given, more)
    server:only_loading(kind)
    if standin.is(given) then return given end
    if more ~= nil then
      return wrong(server, ("%s: takes one key, as in %s"):format(kind,
        example))
    end
    if type(given) ~= "function" and not key.is_path(given) then
      return wrong(server, ("%s: expected a key, as in %s, got %s"):format(
        kind, example, types.show(given)))
    end
    return setmetatable({ kind = kind, key = given }, fold)
  end
end

local function count_word(server)
  return function(given)
    server:only_loading("count")
    if standin.is(given) then return given end
    if given ~= nil then
      return wrong(server, "count: takes nothing, it counts records: write "
        .. "count()")
    end
    return setmetatable({ kind = "count" }, fold)
  end
end

local function reduce_word(server)
  return function(fn, start)
    server:only_loading("reduce")
    if standin.is(fn) then return fn end
    if standin.is(start) then return start end
    if type(fn) ~= "function" or not fold.is_plain(start) then
      return wrong(server, "reduce: expected a function and a start, as in "
        .. "reduce(function(value, event) return value + 1 end, 0)")
    end
    return setmetatable({ kind = "reduce", key = fn, start = start }, fold)
  end
end

-- The words of configs and plugins, by name.
function fold.words(server)
  local words = {}
  for kind in pairs(kinds) do words[kind] = keyed_word(server, kind) end
  words.count, words.reduce = count_word(server), reduce_word(server)
  return words
end

return fold
