-- SPDX-License-Identifier: MIT
-- What fake_core.lua plays of lua/core/follow.lua and lua/core/keep.lua: events
-- read back by position, and values kept for the next brain. The packing is
-- the real one.
require "spec.lua.path"
local ffi = require "ffi"
local json = require "stentor.json"
local pack = require "stentor.core.pack"

local fake = {}

local BATCH = 7 -- events read by one call

-- `core.journal`: { epoch, lost = the newest seq that was overwritten }.
local function reader_new(core, numbers, channel_of)
  local wanted, batch, at = {}, {}, 0
  for _, number in ipairs(numbers) do wanted[number] = true end
  local view = setmetatable({ index = 0 }, { __index = function(view, name)
    local event = batch[view.index + 1]
    if name == "text" then return event.data end
    if name == "seq" then return tonumber(event.id:match "%d+") end
    if name == "channel" then return channel_of(event.number) end
    if name == "event" then return event.name ~= "" and event.name or nil end
    if name == "key" then return event.key ~= "" and event.key or nil end
    if name == "data" then
      local value, why = json.decode(event.data)
      return not why and value or why and event.data
    end
    return event[name]
  end })
  local reader = { view = view }

  function reader.seek(epoch, seq)
    local known = epoch == core.journal.epoch
    at = known and seq or core.journal.lost
    if epoch and not known then return nil, "not found", "ENOTFOUND" end
    return true
  end

  function reader.read()
    batch = {}
    if at < core.journal.lost then
      at = core.journal.lost
      return nil, "overwritten while being read", "EOVERRUN"
    end
    while at < #core.events and #batch < BATCH do
      at = at + 1
      if wanted[core.events[at].number] then batch[#batch + 1] = core.events[at] end
    end
    return #batch
  end

  function reader.position() return core.journal.epoch, at end
  function reader.behind() return #core.events - at end
  function reader.place() return at end
  return reader
end

function fake.add(core)
  core.journal, core.kept = { epoch = 77, lost = 0 }, {}
  core.reader = function(numbers, channel_of) return reader_new(core, numbers, channel_of) end
  core.follow = function() core.following = true end
  core.head = function() return #core.events end
  core.keep_put = function(name, bytes)
    core.kept[name] = bytes
    return true
  end
  core.keep_get = function(name)
    if not core.kept[name] then return nil, "not found", "ENOTFOUND" end
    return core.kept[name]
  end
  core.keep_remove = function(name)
    core.kept[name] = nil
    return true
  end
  core.keep_names = function()
    local names = {}
    for name in pairs(core.kept) do names[#names + 1] = name end
    return names
  end
  local writer = pack.writer(ffi)
  core.keep_packed = function(name, fill)
    writer.reset()
    fill(writer)
    if core.fails.keep_packed then return nil, "full", "EFULL" end
    core.kept[name] = ffi.string(writer.bytes())
    return true
  end
  core.kept_packed = function(name, read)
    local bytes = core.kept[name]
    if not bytes then return nil, "not found", "ENOTFOUND" end
    return read(pack.reader(ffi, bytes, #bytes))
  end
end

return fake
