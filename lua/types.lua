-- SPDX-License-Identifier: MIT
-- The types of settings, of the config's words and, as `is`, of plugins'
-- options. is.duration { about = …, default = …, optional = true, min, max }.
-- A type checks a value and converts it: durations to seconds, sizes to bytes.
local key = require "stentor.key"
local standin = require "stentor.config.standin"
local units = require "stentor.units"

local types = {}

-- How a value is shown in a complaint.
function types.show(value)
  local kind = type(value)
  if kind == "string" then
    if #value > 60 then value = value:sub(1, 57) .. "…" end
    return '"' .. value:gsub("%c", "?") .. '"'
  end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind == "table" and getmetatable(value) and tostring(value):find('"') then
    return tostring(value)
  end
  return value == nil and "nothing" or "a " .. kind
end

-- name → { what it says it expects, convert(value, options) → value or nil }
local SIMPLE = {
  string = { "a text", function(value)
    return type(value) == "string" and value or nil
  end },
  number = { "a number", function(value)
    return type(value) == "number" and value == value and value or nil
  end },
  integer = { "a whole number", function(value)
    return type(value) == "number" and value == math.floor(value) and value
      or nil
  end },
  count = { 'a whole number such as 500 or "10k"', units.count },
  duration = { 'a duration such as "15s"', units.duration },
  size = { 'a size such as "64k"', units.size },
  share = { 'a share such as "20%"', units.share },
  rate = { 'a rate such as "50/s"', units.rate },
  url = { 'a URL such as "https://example.org/"', function(value)
    return type(value) == "string" and value:find("^https?://[^%s/]+%S*$")
      and value or nil
  end },
  path = { 'a path such as "/health"', function(value)
    return type(value) == "string" and value:find("^/%S*$") and value or nil
  end },
  secret = { "a text that is not empty", function(value)
    return type(value) == "string" and value ~= "" and value or nil
  end },
  key = { 'a key: a path such as "payload.user" or a function', function(value)
    return (type(value) == "function" or key.is_path(value)) and value or nil
  end },
  ["function"] = { "a function", function(value)
    return type(value) == "function" and value or nil
  end },
}

local LIMITS = { duration = units.duration, size = units.size,
  count = units.count, share = units.share, rate = units.rate }

-- The bound `name` of a type as a number, or nil.
local function bound(self, name)
  local given = self[name]
  if given == nil then return nil end
  return LIMITS[self.kind] and LIMITS[self.kind](given) or given
end

local function out_of_bounds(self, value)
  if type(value) ~= "number" then return nil end
  local min, max = bound(self, "min"), bound(self, "max")
  if min and value < min then
    return ("must be at least %s"):format(tostring(self.min))
  end
  if max and value > max then
    return ("must be at most %s"):format(tostring(self.max))
  end
  return nil
end

local function got(self, value)
  if self.kind == "secret" then return "" end
  return ", got " .. types.show(value)
end

-- What `self` makes of `value`; each thing wrong is told by `tell(keys, text)`
-- with the keys that lead to it.
local function check_simple(self, value, tell, keys)
  local converted = self.convert(value)
  if converted == nil then
    tell(keys, ("expected %s%s"):format(self.expects, got(self, value)))
    return nil
  end
  local problem = out_of_bounds(self, converted)
  if problem then
    tell(keys, problem .. got(self, value))
    return nil
  end
  return converted
end

local function with_options(type_of, options)
  for name, value in pairs(options or {}) do type_of[name] = value end
  return type_of
end

for kind, row in pairs(SIMPLE) do
  types[kind] = function(options)
    return with_options({ is_type = true, kind = kind, expects = row[1],
      convert = row[2], check = check_simple }, options)
  end
end

function types.boolean(options)
  return with_options({ is_type = true, kind = "boolean",
    check = function(self, value, tell, keys)
      if type(value) == "boolean" then return value end
      tell(keys, "expected true or false" .. got(self, value))
      return nil
    end }, options)
end

-- A type with its own `convert(value)`, nil for what is wrong.
function types.custom(kind, expects, convert)
  return function(options)
    return with_options({ is_type = true, kind = kind, expects = expects,
      check = check_simple, convert = convert }, options)
  end
end

-- A type of an object of ours, known by `is(value)`.
function types.object(kind, expects, is)
  return types.custom(kind, expects, function(value)
    return is(value) and value or nil
  end)
end

-- is.one_of { "a", "b" }
function types.one_of(options)
  local choices = {}
  for _, choice in ipairs(options) do choices[#choices + 1] = choice end
  local expects = {}
  for i, choice in ipairs(choices) do expects[i] = types.show(choice) end
  return with_options({ is_type = true, kind = "one_of",
    expects = "one of " .. table.concat(expects, ", "),
    check = function(self, value, tell, keys)
      for _, choice in ipairs(choices) do
        if choice == value then return value end
      end
      return check_simple(self, value, tell, keys)
    end, convert = function() return nil end }, options)
end

local function is_list(value)
  if type(value) ~= "table" or getmetatable(value) then return false end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  return count == #value
end

-- is.list { of = is.string {} }; of anything without `of`.
function types.list(options)
  return with_options({ is_type = true, kind = "list",
    check = function(self, value, tell, keys)
      if not is_list(value) then
        tell(keys, "expected a list" .. got(self, value))
        return nil
      end
      local list = {}
      for i, item in ipairs(value) do
        if self.of and not standin.is(item) then
          item = self.of:check(item, tell, keys)
        end
        list[i] = item
      end
      return list
    end }, options)
end

-- The first of several types that takes the value; `expects` says them all.
function types.any(expects, alternatives, options)
  return with_options({ is_type = true, kind = "any", expects = expects,
    check = function(self, value, tell, keys)
      for _, alternative in ipairs(alternatives) do
        local fits, problem = true, nil
        local converted = alternative:check(value, function(_, text)
          fits, problem = false, text
        end, keys)
        if fits then return converted end
        if problem and problem:find("^must ") then
          tell(keys, problem)
          return nil
        end
      end
      tell(keys, ("expected %s%s"):format(self.expects, got(self, value)))
      return nil
    end }, options)
end

-- is.table { fields = {…} } is closed; without `fields` it takes any table.
function types.table(options)
  return with_options({ is_type = true, kind = "table",
    check = function(self, value, tell, keys)
      if type(value) ~= "table" or getmetatable(value) then
        tell(keys, "expected a table" .. got(self, value))
        return nil
      end
      if not self.fields then return value end
      return require("stentor.config.schema")
        .check(self.fields, value, tell, keys)
    end }, options)
end

return types
