-- SPDX-License-Identifier: MIT
--- A client that is taken to the newest event: resume_skip of
-- core/journal/resume.h.
local support = require "spec.core.journal.support"
local ffi, lib = support.ffi, support.lib

describe("skipping", function()
  local store, journal, a, b

  before_each(function()
    store = support.new(0, 16)
    journal = store.journal
    a, b = store:channel "a", store:channel "b"
    for i = 1, 10 do store:append(i % 2 == 1 and a or b, "e" .. i, i * 1000) end
  end)

  after_each(function() store:done() end)

  -- From `seq` on, with `reach` as the seq of the first record that is out of
  -- reach: the seqs that are read, and what is said to be lost; nil if there is
  -- nothing to skip.
  local function skip(channels, seq, reach)
    local from = {}
    for _, channel in ipairs(channels) do from[channel] = 0 end
    local wants, count = support.wants(from)
    local resume = ffi.new "struct resume"
    local position = lib.journal_find(journal, reach and reach - 1 or 1e9)
    if not lib.resume_skip(journal, wants, count, seq, position, resume) then return nil end
    assert.equal(lib.RESUME_LAGGED, tonumber(resume.gap))
    local seqs = {}
    for i, record in ipairs(store:read(resume.position, nil, nil, wants, count)) do
      seqs[i] = tonumber(record.seq)
    end
    assert.equal(seqs[1] - 1, tonumber(resume.seq))
    return { seqs, tonumber(resume.from_seq), tonumber(resume.to_seq) }
  end

  it("goes on with the newest event of all channels", function()
    assert.same({ { 10 }, 2, 9 }, skip({ a, b }, 2))
    assert.same({ { 9 }, 2, 7 }, skip({ a }, 2))
    assert.same({ { 9, 10 }, 3, 8 }, skip({ a, b }, 3, 10))
    assert.same({ { 9 }, 6, 7 }, skip({ a }, 6, 10))
  end)

  it("does nothing where nothing lies between", function()
    assert.is_nil(skip({ a, b }, 9))
    assert.is_nil(skip({ a, b }, 10))
    assert.is_nil(skip({ a }, 8))
    assert.is_nil(skip({ a }, 7))
    assert.is_nil(skip({ a, b }, 7, 9))
  end)

  it("counts what is overwritten as lost", function()
    for _ = 1, 30 do store:append(a, ("x"):rep(50000), 11000) end
    assert.is_nil(skip({ b }, 3)) -- all of it: the reader is overrun
    store:append(b, "newest", 12000)
    assert.same({ { 41 }, 3, 10 }, skip({ b }, 3))
  end)
end)
