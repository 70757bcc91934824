-- SPDX-License-Identifier: MIT
-- What an aggregate leaves for the next brain: its pane and its places, as one
-- record (core.keep_packed), so that they always fit.
local pane = require "stentor.aggregate.pane"

local state = {}

local FORMAT = 1 -- of the kept record
local REFUSED_EVERY = 60000 -- ms between two lines about a state too large

-- What a kept state must have been made by to fit. Functions have no name that
-- outlives a brain; whoever changes one's meaning renames the aggregate.
function state.signature(settings, parts)
  local by = settings.by
  local lines = { type(by) == "function" and "by function"
    or "by " .. tostring(by), "window " .. settings.window }
  for _, part in ipairs(parts) do
    lines[#lines + 1] = ("%s = %s"):format(part.name, tostring(part.fold))
  end
  return table.concat(lines, "\n")
end

local function positions(self)
  local all = {}
  for name, feed in pairs(self.feeds) do all[name] = feed:position() end
  return all
end

-- Whether all could be written.
local function write(self, writer)
  writer.number(FORMAT)
  writer.text(self.signature)
  writer.value(self.counters)
  writer.value(positions(self))
  return self.pane:save(writer)
end

local function refused(self, why)
  local now = self.server.core.monotonic()
  self.counters.refused = self.counters.refused + 1
  if now - self.refused_at < REFUSED_EVERY then return end
  self.refused_at = now
  self.server.log.error(("%s: its state cannot be kept, so a restart will "
    .. "count again from the last that could: %s"):format(self.title, why))
end

-- Keeps what it knows for the next brain.
function state.save(self)
  if not self.dirty then return end
  local core, whole = self.server.core, true
  local began = core.monotonic()
  local ok, why, code = core.keep_packed(self.source, function(writer)
    whole = write(self, writer)
  end)
  self.save_ms = core.monotonic() - began
  for _, feed in pairs(self.feeds) do feed:saved() end
  if ok then
    self.dirty = false
  else
    if code == "EFULL" then why = "limits.kept is reached" end
    refused(self, why)
  end
  if not whole and not self.warned then
    self.warned = true
    self.server.log.warn(("%s: a value that is no plain data is not kept: a "
      .. "restart forgets it"):format(self.title))
  end
end

local function new_pane(self)
  local one = pane.new(self.parts, self.settings.keys)
  if not self.settings.by then one:add("") end
  return one
end

local function read(self, reader)
  if reader.number() ~= FORMAT or reader.text() ~= self.signature then
    return nil, "its folds are others now"
  end
  local counters, at = reader.value(), reader.value()
  local one = pane.new(self.parts, self.settings.keys)
  one:load(reader)
  for name in pairs(self.counters) do
    self.counters[name] = counters[name] or 0
  end
  return one, at
end

-- Gives the aggregate the pane that the brain before has kept, or a new one;
-- returns the places that belong to it, or nil.
function state.load(self)
  local core = self.server.core
  local ok, one, at = pcall(core.kept_packed, self.source,
    function(reader) return read(self, reader) end)
  if ok and one then
    self.pane = one
    return at
  end
  self.pane = new_pane(self)
  local why = ok and at or tostring(one)
  local _, _, code = core.keep_get(self.source)
  if code ~= "ENOTFOUND" then
    self.server.log.warn(("%s: begins anew, what was kept does not fit: %s")
      :format(self.title, why))
  end
  return nil
end

return state
