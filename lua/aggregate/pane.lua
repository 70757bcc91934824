-- SPDX-License-Identifier: MIT
-- The state of one window: its keys, each with a slot, and the columns of the
-- folds (fold.lua). Two panes of the same folds can be merged, which is how
-- windows that overlap are made of panes that do not.
local fold = require "stentor.fold"

local pane = {}
pane.__index = pane

-- `parts`: a list of { name, kind = of fold.kinds } in a fixed order. `max`
-- bounds the keys.
function pane.new(parts, max)
  local self = setmetatable({ parts = parts, max = max, slots = {}, keys = {},
    count = 0, columns = {}, starts = {}, own = {} }, pane)
  for i, part in ipairs(parts) do
    local own = {}
    for j, start in ipairs(part.kind.starts) do
      own[j] = {}
      table.insert(self.columns, own[j])
      table.insert(self.starts, start)
    end
    self.own[i] = own
  end
  return self
end

-- The slot of a new key; nil if there are too many.
function pane:add(key)
  local slot = self.count + 1
  if slot > self.max then return nil end
  for i = 1, #self.columns do self.columns[i][slot] = self.starts[i] end
  self.keys[slot] = key
  self.slots[key] = slot
  self.count = slot
  return slot
end

-- The values of a key by the folds' names; nil if there is no such key.
function pane:value(key)
  local slot = self.slots[key]
  if not slot then return nil end
  local values = {}
  for i, part in ipairs(self.parts) do
    values[part.name] = part.kind.value(self.own[i], slot)
  end
  return values
end

-- Adds what `later`, a pane of the same folds, knows; returns how many of its
-- keys found no room.
function pane:merge(later)
  local dropped = 0
  for other, key in ipairs(later.keys) do
    local slot = self.slots[key] or self:add(key)
    if slot then
      for i, part in ipairs(self.parts) do
        part.kind.merge(self.own[i], slot, later.own[i], other)
      end
    else
      dropped = dropped + 1
    end
  end
  return dropped
end

local function save_numbers(writer, column, count)
  for slot = 1, count do writer.number(column[slot]) end
end

-- Whether all could be written.
local function save_values(writer, column, count)
  local whole = true
  for slot = 1, count do
    local value = column[slot]
    if value == fold.NONE then value = nil end
    whole = writer.value(value) and whole
  end
  return whole
end

-- Writes all of it; returns whether nothing had to be left out.
function pane:save(writer)
  local count, whole = self.count, true
  writer.number(count)
  for slot = 1, count do writer.text(self.keys[slot]) end
  for i, column in ipairs(self.columns) do
    if type(self.starts[i]) == "number" then
      save_numbers(writer, column, count)
    else
      whole = save_values(writer, column, count) and whole
    end
  end
  return whole
end

local function load_values(reader, column, count)
  for slot = 1, count do
    local value = reader.value()
    if value == nil then value = fold.NONE end
    column[slot] = value
  end
end

-- Fills a new pane with what save() wrote. With a smaller `max` than then, the
-- keys stay, and no new ones come.
function pane:load(reader)
  local count = reader.number()
  for slot = 1, count do
    local key = reader.text()
    self.keys[slot], self.slots[key] = key, slot
  end
  self.count = count
  for i, column in ipairs(self.columns) do
    if type(self.starts[i]) == "number" then
      for slot = 1, count do column[slot] = reader.number() end
    else
      load_values(reader, column, count)
    end
  end
end

return pane
