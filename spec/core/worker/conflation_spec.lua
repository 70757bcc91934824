-- SPDX-License-Identifier: MIT
--- Against a plain model: whatever was published, each key's last record is
-- kept, and nothing else.
local support = require "spec.core.journal.support"
local units = require "spec.support.units"

local ffi = support.ffi
local lib = units.cdef "core/worker/conflation.h"

describe("conflation", function()
  local store, wants, count
  local channels

  before_each(function()
    store = support.new(0, 16)
    channels = { store:channel "a", store:channel "b", store:channel "c" }
    wants, count = support.wants { [channels[1]] = 0, [channels[2]] = 0 }
  end)

  after_each(function() store:done() end)

  local function append(channel, key, frame)
    store:append_all({ { channels[channel], frame or "x", key = key } }, 1000)
  end

  --- What is kept of the records behind `after`.
  local function conflate(after, position)
    local stretch = ffi.new "struct conflation_stretch"
    stretch.journal, stretch.wants, stretch.want_count = store.journal, wants, count
    stretch.after_seq, stretch.seed = after or 0, 42
    stretch.position = position or lib.journal_find(store.journal, after or 0)
    stretch.limit = lib.journal_head(store.journal)
    local made = lib.conflation_new(stretch)
    if made == nil then return nil end
    made = ffi.gc(made, lib.conflation_release)
    local seqs = {}
    for i = 0, made.count - 1 do seqs[i + 1] = tonumber(made.records[i].seq) end
    return seqs, made
  end

  --- What somebody is shown who has had all up to `seq`, in portions.
  local function read(made, seq, bytes)
    local seqs, last = {}, ffi.new "uint64_t[1]"
    local got
    last[0] = seq
    repeat
      local buffer = ffi.new "struct buffer"
      got = lib.conflation_read(made, store.journal, last[0], bytes or 65536, buffer, last)
      if got > 0 then
        for _, record in ipairs(support.records(buffer)) do
          seqs[#seqs + 1] = tonumber(record.seq)
        end
      end
      lib.buffer_done(buffer)
    until got <= 0
    return seqs, got
  end

  it("keeps the latest of each key of each channel", function()
    append(1, "k")
    append(1, "l")
    append(2, "k")
    append(3, "k") -- of a channel that is not wanted
    append(1, "k")
    append(1, "") -- no key is a key too
    append(1, "")
    local seqs, made = conflate()
    assert.same({ 2, 3, 5, 7 }, seqs)
    assert.equal(2, lib.conflation_left_out(made, 0))
    assert.same({ 5, 7 }, (conflate(3)))
    assert.same({}, (conflate(7)))
  end)

  it("serves whoever stands in the stretch", function()
    for i = 1, 40 do append(1, "k" .. i % 7, ("x"):rep(i)) end
    local _, made = conflate(3)
    for seq = 3, 40 do
      local expected, alone = conflate(seq)
      assert.same(expected, (read(made, seq)))
      assert.same(expected, (read(made, seq, 1)))
      assert.equal(alone.bytes, lib.conflation_bytes(made, seq))
      assert.equal(lib.conflation_left_out(alone, seq), lib.conflation_left_out(made, seq))
      assert.equal(expected[1] and lib.journal_find(store.journal, expected[1] - 1)
        or made.limit, lib.conflation_next(made, seq))
    end
  end)

  it("agrees with a plain table for thousands of keys", function()
    local model, at = {}, 0
    math.randomseed(3)
    for _ = 1, 5000 do
      local channel, key = math.random(3), ("key %d"):format(math.random(1500))
      if math.random() < 0.1 then key = key:rep(math.random(20)) end
      append(channel, key)
      at = at + 1
      if channel < 3 then model[channel .. key] = at end
    end
    local expected = {}
    for _, seq in pairs(model) do expected[#expected + 1] = seq end
    table.sort(expected)
    assert.same(expected, (conflate()))
  end)

  it("is none of what is overwritten", function()
    append(1, "k")
    append(1, "l")
    local position = lib.journal_find(store.journal, 0)
    local _, made = conflate()
    for _ = 1, 30 do append(1, "k", ("x"):rep(50000)) end
    assert.is_nil(conflate(0, position))
    local seqs, got = read(made, 0)
    assert.same({}, seqs)
    assert.is_true(got < 0)
  end)
end)
