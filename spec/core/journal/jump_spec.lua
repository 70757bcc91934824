-- SPDX-License-Identifier: MIT
--- A channel's records are found from its newest one in few steps.
local support = require "spec.core.journal.support"
local ffi, lib = support.ffi, support.lib
local C = ffi.C

describe("jumps", function()
  local store, a, b

  before_each(function()
    store = support.new(0, 16)
    a, b = store:channel "a", store:channel "b"
  end)
  after_each(function() store:done() end)

  -- The first record of `channel` that a client gets who asks for so many.
  local function first_of(channel, count)
    local wants, n = support.wants { [channel] = 0 }
    local resume = ffi.new "struct resume"
    lib.resume_since(store.journal, wants, n, C.RESUME_COUNT, count, 0, resume)
    return store:read(resume.position, nil, nil, wants, n)[1].seq
  end

  it("lead back by any count exactly, over a ring that goes round", function()
    local frame = ("x"):rep(100)
    for seq = 1, 20000 do
      store:append(seq % 3 == 0 and b or a, frame)
      if seq % 1999 == 0 then
        local held = {}
        for _, record in ipairs(store:held()) do
          if record.channel == b then held[#held + 1] = record.seq end
        end
        for _, count in ipairs { 1, 2, 3, 31, 500, #held - 1, #held, #held + 1, 60000 } do
          assert.equal(held[math.max(1, #held - count + 1)], first_of(b, count))
        end
      end
    end
  end)

  it("are long enough", function()
    for _ = 1, 15000 do store:append(a, "x") end
    local record, steps = ffi.new "struct journal_record", 0
    local at, left = store.journal.channels[a].newest, 14999
    while left > 0 do
      assert.equal(0, lib.journal_peek(store.journal, at, record))
      local jumps = record.span <= left
      at, left = jumps and record.jump or record.previous, left - (jumps and record.span or 1)
      steps = steps + 1
    end
    assert.equal(0, lib.journal_peek(store.journal, at, record))
    assert.equal(1, tonumber(record.seq))
    assert.is_true(steps < 60, steps)
  end)
end)
