-- SPDX-License-Identifier: MIT
-- Makes the function that takes a batch of records into a pane. It is written
-- for the aggregate at hand, all folds one after the other, because that is
-- what LuaJIT compiles well: one loop without calls through tables and without
-- a closure or a table made for a record.
--
-- A record whose data should be JSON and is not has no data, and is `bad`: it is
-- counted and left out. Of each record everything is read first and applied
-- then, so that a script's function that throws leaves the pane as it was before
-- that record.
local fold = require "stentor.fold"
local key = require "stentor.key"

local loop = {}

loop.FOLDS_MAX = 32 -- a function of Lua has 200 locals at most

-- Statements that leave in `name` what the path leads to, or nil. The data has
-- been read into `data`.
local function follow(name, path)
  local lines = { ("local %s = data"):format(name) }
  for step in path:gmatch("[^.]+") do
    local index = ("%s[%q]"):format(name, step)
    if tonumber(step) then -- list entries can be named too: "items.1"
      index = ("step(%s, %q, %s)"):format(name, step, tonumber(step))
    end
    lines[#lines + 1] = ("if type(%s) == 'table' then %s = %s else %s = nil end")
      :format(name, name, index, name)
  end
  return table.concat(lines, "\n")
end

local function step(value, text, number)
  local inner = value[text]
  if inner == nil then return value[number] end
  return inner
end

local VALID = {
  number = "type(%s) == 'number' and %s - %s == 0",
  value = "is_plain(%s)",
}

-- What the generated text is made of, and the functions that it calls.
local function parts_new()
  return { names = { "NONE", "text_of", "is_plain", "copy", "step" },
    values = { fold.NONE, key.text, fold.is_plain, fold.copy, step },
    columns = 0, reads_data = false }
end

local function bind(parts, name, value)
  parts.names[#parts.names + 1] = name
  parts.values[#parts.values + 1] = value
end

-- Statements that leave in `name` what `given`, a path or a function, gives.
local function read(parts, name, given)
  if type(given) == "function" then
    bind(parts, name .. "_of", given)
    return ("local %s = %s_of(view)"):format(name, name)
  end
  parts.reads_data = true
  return follow(name, given)
end

local function read_reduced(parts, name, one, column)
  bind(parts, name .. "_of", one.key)
  bind(parts, name .. "_start", one.start)
  return ([[
local $v = NONE
if slot then $v = $c[slot] end
if $v == NONE then $v = copy($v_start) end
$v = $v_of($v, view)]]):gsub("%$v", name):gsub("%$c", column)
end

-- Adds to `reads` and `applies` what the fold `one` does for a record.
local function add_fold(parts, number, one, reads, applies)
  local kind, name = fold.kinds[one.kind], "value" .. number
  local first = parts.columns + 1
  parts.columns = parts.columns + #kind.starts
  local apply = kind.apply:gsub("%$(%d)", function(digit)
    return "column" .. first + tonumber(digit) - 1
  end):gsub("%f[%w_]value%f[^%w_]", name)
  if kind.takes == "nothing" then
    applies[#applies + 1] = apply
    return
  end
  if one.kind == "reduce" then
    reads[#reads + 1] = read_reduced(parts, name, one, "column" .. first)
  else
    reads[#reads + 1] = read(parts, name, one.key)
  end
  local valid = VALID[kind.takes]:gsub("%%s", name)
  applies[#applies + 1] = ("if %s then %s else skip(counters) end"):format(
    valid, apply)
end

local function skip(counters) counters.skipped = counters.skipped + 1 end

local function column_names(count)
  local names, values = {}, {}
  for i = 1, count do
    names[i], values[i] = "column" .. i, ("columns[%d]"):format(i)
  end
  if count == 0 then return "" end
  return ("local %s = %s"):format(table.concat(names, ", "),
    table.concat(values, ", "))
end

local TEMPLATE = [[
local $names = ...
return function(pane, view, first, last, counters)
local slots, columns = pane.slots, pane.columns
$columns
for index = first, last do
view.index = index
$where
$data
$key
local slot = slots[key]
$reads
if not slot then slot = pane:add(key) end
if slot then
$applies
else
counters.keys_full = counters.keys_full + 1
end
$close
end
end]]

-- `settings`: where (function), by (key), folds (a list of { fold = }). Returns
-- fn(pane, view, first, last, counters), which takes the records at the indexes
-- first … last of the view, and its text.
function loop.new(settings)
  local parts, reads, applies, close = parts_new(), {}, {}, {}
  bind(parts, "skip", skip)
  for number, part in ipairs(settings.folds) do
    add_fold(parts, number, part.fold, reads, applies)
  end
  local where, by = "", 'local key = ""'
  if settings.where then
    bind(parts, "where", settings.where)
    where = "if where(view) then"
    table.insert(close, "end")
  end
  if settings.by then
    by = read(parts, "key", settings.by) .. [[

if type(key) ~= "string" then key = text_of(key) end
if key == nil then counters.unkeyed = counters.unkeyed + 1 else]]
    table.insert(close, "end")
  end
  local data = ""
  if parts.reads_data then
    data = [[
local data = view.data
if data == nil and view.bad then counters.bad = counters.bad + 1 else]]
    table.insert(close, "end")
  end
  bind(parts, "type", type)
  local text = TEMPLATE:gsub("%$(%l+)", { names = table.concat(parts.names, ", "),
    columns = column_names(parts.columns), where = where,
    data = data, key = by,
    reads = table.concat(reads, "\n"), applies = table.concat(applies, "\n"),
    close = table.concat(close, "\n") })
  local chunk = assert(loadstring(text, "=aggregate"))
  return chunk(unpack(parts.values, 1, #parts.names)), text
end

return loop
