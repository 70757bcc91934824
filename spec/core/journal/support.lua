-- SPDX-License-Identifier: MIT
--- A journal in new shared memory, and what the specs of this room do with it.
local fork = require "spec.core.mailbox.fork"
local program = require "spec.support.program"
local units = require "spec.support.units"
local ffi = units.ffi

local support = { ffi = ffi, fork = fork }

units.cdef "core/journal/channel.h"
units.cdef "core/base/error.h"
units.cdef "core/journal/event_id.h"
support.lib = units.cdef "core/journal/resume.h"
local lib = support.lib

-- Constants wider than an enum: see to_cdef in spec/support/units.lua.
support.NONE = 0xffffffffffffffffULL
support.ALWAYS = 0xffffffff -- a `replay_count` without limit
support.EVER = support.NONE -- a `replay_ms` without limit

--- A struct text over a Lua string, which must outlive it.
function support.text(string)
  return ffi.new("struct text", string, #string)
end

local RECORD_BYTES = ffi.sizeof "struct journal_record"
local methods = {}
local metatable = { __index = methods }

--- Maps the journal once more; `writable`: as the next writer.
function methods:open(writable)
  local journal, why = ffi.new "struct journal", ffi.new "char[256]"
  local result = lib.journal_open(journal, self.fd, writable, why)
  return result == 0 and journal or nil, ffi.string(why), result
end

--- The writer goes without a word, and another comes.
function methods:next_writer()
  lib.journal_close(self.journal)
  lib.channel_map_done(self.map)
  self.journal = assert(self:open(true))
  lib.channel_map_init(self.map, self.journal)
end

function methods:channel(name, replay_count, replay_ms)
  return lib.channel_open(self.journal, self.map, support.text(name),
    replay_count or support.ALWAYS, replay_ms or support.EVER)
end

function methods:close_channel(channel)
  lib.channel_close(self.journal, self.map, channel)
end

function methods:oldest_closed()
  return lib.channel_oldest_closed(self.journal, self.map)
end

function methods:forget(position)
  lib.journal_forget(self.journal, position)
end

--- Appends `list` of { channel, frame, key = } as one; the code, and what was
-- appended.
function methods:append_all(list, time_ms)
  local entries = ffi.new("struct journal_entry[?]", math.max(#list, 1))
  for i, item in ipairs(list) do
    local entry = entries[i - 1]
    entry.channel, entry.frame, entry.frame_bytes = item[1], item[2], #item[2]
    if item.key then entry.key, entry.key_bytes = item.key, #item.key end
  end
  local position = self.journal.header.head
  local seq = lib.journal_next_seq(self.journal)
  local result = lib.journal_append(self.journal, entries, #list, time_ms or 0)
  if result == 0 then
    for i, item in ipairs(list) do
      self.list[#self.list + 1] = {
        seq = tonumber(seq) + i - 1, channel = item[1], frame = item[2], key = item.key or "",
        time = tonumber(self.journal.header.settled_time), position = tonumber(position),
      }
      position = position + math.ceil((RECORD_BYTES + #item[2] + #(item.key or "")) / 8) * 8
    end
  end
  return result
end

--- Appends one record; its seq.
function methods:append(channel, frame, time_ms)
  assert(self:append_all({ { channel, frame } }, time_ms) == 0)
  return self.list[#self.list].seq
end

--- What is held: the part of all that was ever appended from the tail on.
function methods:held()
  local tail, held = tonumber(self.journal.header.tail), {}
  for _, record in ipairs(self.list) do
    if record.position >= tail then held[#held + 1] = record end
  end
  return held
end

--- The records in `buffer`, as a list.
function support.records(buffer)
  local list, at = {}, 0
  while at < buffer.size do
    local record = ffi.cast("const struct journal_record *", buffer.bytes + at)
    local frame = ffi.cast("const char *", record + 1)
    list[#list + 1] = {
      seq = tonumber(record.seq), channel = record.channel,
      frame = ffi.string(frame, record.frame_bytes),
      key = ffi.string(frame + record.frame_bytes, record.key_bytes),
      time = tonumber(record.time_ms), size = record.size, previous = record.previous,
    }
    at = at + record.size
  end
  return list
end

--- Reads from `position` to `limit` (head) with journal_copy, or with
-- journal_select if `wants`; the list, or nil and the code.
function methods:read(position, limit, bytes, wants, count)
  local buffer = ffi.new "struct buffer"
  local at = ffi.new("uint64_t[1]", position)
  limit = limit or self.journal.header.head
  local code
  repeat
    if wants then
      code = lib.journal_select(self.journal, wants, count, at, limit, bytes or 65536, buffer)
    else
      code = lib.journal_copy(self.journal, at, limit, bytes or 65536, buffer)
    end
  until at[0] == limit or code < 0
  local list = support.records(buffer)
  lib.buffer_done(buffer)
  if code < 0 then return nil, code end
  return list
end

--- A sorted list of struct journal_want: { channel = from_seq, … }.
function support.wants(from)
  local numbers = {}
  for channel in pairs(from) do numbers[#numbers + 1] = channel end
  table.sort(numbers)
  local wants = ffi.new("struct journal_want[?]", math.max(#numbers, 1))
  for i, channel in ipairs(numbers) do
    wants[i - 1].channel, wants[i - 1].from_seq = channel, from[channel]
  end
  return wants, #numbers
end

function methods:done()
  lib.journal_close(self.journal)
  lib.channel_map_done(self.map)
  ffi.C.close(self.fd)
end

--- A new journal with its writer.
function support.new(ring_bytes, channels_max)
  local why = ffi.new "char[256]"
  local self = setmetatable({
    fd = fork.memory(), map = ffi.new "struct channel_map",
    list = {}, -- all that was ever appended
  }, metatable)
  local result = lib.journal_create(self.fd, ring_bytes or 0, channels_max or 16, why)
  assert(result == 0, ffi.string(why))
  self.journal = assert(self:open(true))
  lib.channel_map_init(self.map, self.journal)
  return self
end

--- Without the fields that only one side knows.
function support.plain(list)
  local plain = {}
  for i, record in ipairs(list) do
    plain[i] = { record.seq, record.channel, record.frame, record.key, record.time }
  end
  return plain
end

--- Runs spec/core/journal/<name>.c: the numbers it printed.
function support.run(name, arguments)
  return program.run("spec/core/journal/" .. name .. ".c",
    "core/journal/*.c core/base/*.c core/mailbox/bell.c", arguments)
end

return support
