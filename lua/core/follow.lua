-- SPDX-License-Identifier: MIT
-- A part of core.lua: reading channels in order, whichever brain was in charge
-- when an event was published.
local json = require "stentor.json"

local ENTRIES = 2048 -- see stentor_read

-- The event at `view.index` of the batch that was read last; nothing is made
-- of its bytes before it is asked for. What is decoded is kept until the index
-- moves: `data_at` tells of which index it is.
local function view_new(ffi, brain, entries, channel_of)
  local C = ffi.C
  local id = ffi.new("char[?]", C.STENTOR_ID_BYTES)

  local function text(of)
    if of.size == 0 then return nil end
    return ffi.string(of.bytes, of.size)
  end

  local function data(view, entry)
    local index = view.index
    if view.data_at ~= index then
      local bytes = text(entry.data) or ""
      local value, why = json.decode(bytes)
      if why then value = bytes end
      view.data_at, view.decoded = index, value
    end
    return view.decoded
  end

  return setmetatable({ index = 0, data_at = -1, decoded = false }, {
    __index = function(view, name)
      local entry = entries[view.index]
      if name == "key" then return text(entry.key) end
      if name == "data" then return data(view, entry) end
      if name == "text" then return text(entry.data) or "" end
      if name == "event" then return text(entry.event) end
      if name == "time" then return tonumber(entry.time_ms) end
      if name == "channel" then return channel_of(entry.channel) end
      if name == "seq" then return tonumber(entry.seq) end
      if name == "id" then
        C.stentor_id(brain, entry.seq, id)
        return ffi.string(id)
      end
      return nil
    end })
end

return function(self, ffi, brain, failure)
  local C = ffi.C
  local entries = ffi.new("struct stentor_entry[?]", ENTRIES)

  -- `appended` items come from now on, and one in any case.
  function self.follow() C.stentor_follow(brain) end

  -- Bytes ever appended to the journal.
  function self.head() return tonumber(C.stentor_head(brain)) end

  -- A reader of the channels with these numbers (sorted). `channel_of(number)`
  -- gives what scripts see as the event's channel.
  function self.reader(numbers, channel_of)
    local cursor = ffi.new("struct stentor_cursor")
    local channels = ffi.new("uint32_t[?]", #numbers, numbers)
    local count = #numbers
    local view = view_new(ffi, brain, entries, channel_of)
    local reader = { view = view }

    -- Before the oldest event, or behind the one that position() told of. nil,
    -- why, name: that was in another journal, it begins with the oldest.
    function reader.seek(epoch, seq)
      cursor.epoch, cursor.seq = epoch or 0, seq or 0
      local code = C.stentor_seek(brain, cursor)
      if code ~= 0 then return failure(code) end
      return true
    end

    function reader.position()
      return tonumber(cursor.epoch), tonumber(cursor.seq)
    end

    -- Reads a batch: how many events there are to view. nil, why, name:
    -- some were overwritten (EOVERRUN); the next call goes on behind them.
    function reader.read()
      view.data_at = -1
      local found = C.stentor_read(brain, cursor, channels, count, entries,
        ENTRIES)
      if found < 0 then return failure(found) end
      return found
    end

    -- How many bytes of the journal lay ahead when it was read last, and how
    -- many have been passed.
    function reader.behind() return tonumber(cursor.behind) end
    function reader.place() return tonumber(cursor.position) end
    return reader
  end
end
