-- SPDX-License-Identifier: MIT
--- What a record of the journal becomes as a Kafka message, over frames of the
-- server's own.
local journal = require "spec.core.journal.support"
local units = require "spec.support.units"
local ffi = units.ffi
units.cdef "core/journal/sse.h"
local lib = units.cdef "core/kafka/message.h"

local one, events

before_each(function()
  one = journal.new()
  events = one:channel "events"
end)
after_each(function() one:done() end)

-- Frames an event, appends it, reads it back.
local function read(event)
  local keep = {}
  local function text(value)
    keep[#keep + 1] = value or ""
    return ffi.new("struct text", value or "", #(value or ""))
  end
  local id = "01234567-89ab-8000-8000-000000000005"
  local sse = ffi.new("struct sse_event", { id = text(id), name = text(event.name),
    data = text(event.data), retry_ms = event.retry or 0 })
  local buffer = ffi.new "struct buffer"
  local chunk_head = lib.sse_frame(sse, buffer)
  local frame = ffi.string(buffer.bytes, buffer.size)
  local entry = ffi.new("struct journal_entry", { channel = events, frame = frame,
    frame_bytes = #frame, chunk_head = chunk_head })
  if event.key then entry.key, entry.key_bytes = event.key, #event.key end
  local position = one.journal.header.head
  assert(lib.journal_append(one.journal, entry, 1, 0) == 0)
  local record = ffi.cast("const struct journal_record *",
    one.journal.ring + tonumber(position) % tonumber(one.journal.ring_bytes))
  local message = ffi.new "struct message"
  lib.message_read(one.journal, record, buffer, message)
  local function string(part)
    return part.size > 0 and ffi.string(part.bytes, part.size) or ""
  end
  local result = { value = string(message.value), key = string(message.key),
    id = string(message.id), event = string(message.event) }
  lib.buffer_done(buffer)
  assert.equal(id, result.id)
  return result, keep
end

describe("a record as a Kafka message", function()
  it("has the data as value, the channel as key, the name as header", function()
    local message = read { data = '{"a":1}', name = "trade", retry = 500 }
    assert.same({ '{"a":1}', "events", "trade" }, { message.value, message.key, message.event })
    assert.equal("", read({ data = "x" }).event)
  end)

  it("has the event's own key", function()
    assert.equal("ACME", read({ data = "x", key = "ACME" }).key)
  end)

  it("has data of any bytes, line ends as clients see them", function()
    math.randomseed(3)
    local pieces = { "\n", "\r", "\r\n", "a", ": ", "data: x", "id: y", "\0", "ä", " ", "" }
    for _ = 1, 2000 do
      local list = {}
      for i = 1, math.random(0, 6) do list[i] = pieces[math.random(#pieces)] end
      local data = table.concat(list)
      local wanted = data:gsub("\r\n", "\n"):gsub("\r", "\n")
      assert.equal(wanted, read({ data = data }).value)
    end
  end)

  it("knows its own ids in headers, and no others", function()
    local function seq(text)
      return tonumber(lib.message_seq(0x0123456789ab, ffi.new("struct text", text, #text)))
    end
    assert.equal(5, seq "01234567-89ab-8000-8000-000000000005")
    assert.equal(0, seq "01234567-89ac-8000-8000-000000000005") -- another journal
    assert.equal(0, seq "01234567-89ab-8001-8000-000000000005") -- another source
    assert.equal(0, seq "7")
    assert.equal(0, seq "")
  end)
end)
