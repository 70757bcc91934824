-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
units.cdef "core/base/buffer.h"
local lib = units.cdef "core/worker/batch.h"

local header_bytes = ffi.sizeof "struct journal_record"

describe("batch", function()
  local batch, frames, at

  before_each(function()
    batch, frames = ffi.new "struct batch", ffi.new "struct batch_frames"
    lib.batch_init(batch, 10)
    at = {}
  end)

  after_each(function()
    lib.batch_done(batch)
    lib.buffer_done(frames.bytes)
    lib.buffer_done(frames.cuts)
  end)

  -- Puts a record of `channel` into the batch, its frame a chunk of `text`.
  local function add(channel, text)
    local head = ("%x\r\n"):format(#text)
    local frame = head .. text .. "\r\n"
    local record = ffi.new "struct journal_record"
    local padding = -#frame % 8
    record.channel, record.frame_bytes, record.chunk_head = channel, #frame, #head
    record.size = header_bytes + #frame + padding
    local start = tonumber(batch.bytes.size)
    lib.buffer_add(batch.bytes, record, header_bytes)
    lib.buffer_add(batch.bytes, frame .. ("\0"):rep(padding), #frame + padding)
    at[#at + 1] = start
    return lib.batch_chain(batch, start)
  end

  local function compose(channels, chunked)
    local wants = ffi.new("struct journal_want[?]", #channels)
    for i, channel in ipairs(channels) do wants[i - 1].channel = channel end
    lib.batch_compose(batch, wants, #channels, chunked, frames)
    local bytes = ffi.string(frames.bytes.bytes, frames.bytes.size)
    assert.equal(#bytes, tonumber(lib.batch_measure(batch, wants, #channels, chunked)))
    return bytes
  end

  it("says which record is the first of its channel", function()
    assert.is_true(add(1, "a"))
    assert.is_true(add(2, "b"))
    assert.is_false(add(1, "c"))
    lib.batch_clear(batch)
    assert.is_true(add(1, "d"))
  end)

  it("gives each set of channels its records, in order, in its framing", function()
    add(1, "a") add(2, "b") add(1, "c") add(3, "d") add(2, "e")
    assert.equal("1\r\na\r\n1\r\nc\r\n", compose({ 1 }, true))
    assert.equal("ac", compose({ 1 }, false))
    assert.equal("abce", compose({ 1, 2 }, false))
    assert.equal("abcde", compose({ 1, 2, 3, 4 }, false))
    assert.equal("d", compose({ 3, 4 }, false))
  end)

  it("forgets what was in it", function()
    add(1, "a") add(2, "b")
    lib.batch_clear(batch)
    add(2, "c")
    assert.equal("c", compose({ 1, 2 }, false))
  end)

  it("knows which record each byte belongs to", function()
    add(1, "aaa") add(2, "bb") add(1, "c") add(1, "dddd")
    compose({ 1 }, false)
    local expected = { at[1], at[1], at[1], at[3], at[4], at[4], at[4], at[4] }
    for written, place in ipairs(expected) do
      assert.equal(place, lib.batch_cut_at(frames, written - 1).at, written)
    end
  end)
end)
