-- SPDX-License-Identifier: MIT
local cjson = require "cjson"
local support = require "spec.core.journal.support"
local ffi, lib = support.ffi, support.lib
local C = ffi.C

describe("resume", function()
  local store, journal
  local a, b, now

  before_each(function()
    store = support.new(0, 16)
    journal = store.journal
    a, b = store:channel "a", store:channel "b"
    now = 1000000
  end)

  after_each(function() store:done() end)

  local function id_of(seq, epoch, source)
    local id, text = ffi.new "struct event_id", ffi.new "char[37]"
    id.epoch, id.seq, id.source = epoch or journal.header.epoch, seq, source or 0
    lib.event_id_format(id, text)
    return ffi.string(text)
  end

  local function limit(channel, count, ms)
    journal.channels[channel].replay_count = count or support.ALWAYS
    journal.channels[channel].replay_ms = ms or support.EVER
  end

  -- Fills the ring with records of `channel` until it has gone round.
  local function go_round(channel)
    for _ = 1, 30 do store:append(channel, ("x"):rep(50000), now) end
  end

  local gaps = { [0] = false, "expired", "restarted", "lagged", "unknown" }

  -- What a client gets: { the seqs }, the gap and from where to where; and the
  -- resume itself.
  local function outcome(resume, wants, count)
    local seqs = {}
    for i, record in ipairs(store:read(resume.position, nil, nil, wants, count)) do
      seqs[i] = record.seq
      -- The position just before the next event.
      assert.is_true(record.seq > resume.seq)
    end
    local gap = gaps[tonumber(resume.gap)]
    if not gap then return { seqs, false }, resume end
    return { seqs, gap, tonumber(resume.from_seq), tonumber(resume.to_seq) }, resume
  end

  local function wants_of(channels)
    local from = {}
    for _, channel in ipairs(channels) do from[channel] = 12345 end
    return support.wants(from)
  end

  local function by_id(channels, id, since, value)
    local wants, count = wants_of(channels)
    local resume = ffi.new "struct resume"
    lib.resume_id(journal, wants, count, support.text(id), since or C.RESUME_NOW, value or 0,
      now, resume)
    return outcome(resume, wants, count)
  end

  local function by_since(channels, since, value)
    local wants, count = wants_of(channels)
    local resume = ffi.new "struct resume"
    lib.resume_since(journal, wants, count, since, value or 0, now, resume)
    return outcome(resume, wants, count)
  end

  local function gap_event(resume)
    local buffer = ffi.new "struct buffer"
    lib.resume_frame_gap(journal, resume, false, buffer)
    local text = ffi.string(buffer.bytes, buffer.size)
    lib.buffer_done(buffer)
    return text
  end

  -- Resuming from the gap event's own id.
  local function after_gap(channels, resume)
    return by_id(channels, gap_event(resume):match "^id: ([^\n]+)\n")
  end

  -- Ten records, one a second; odd seqs in a, even ones in b. Now: 1 s later.
  local function ten()
    for i = 1, 10 do store:append(i % 2 == 1 and a or b, "e" .. i, i * 1000) end
    now = 11000
  end

  describe("by id", function()
    it("goes on behind it", function()
      ten()
      assert.same({ {}, false }, (by_id({ a, b }, id_of(10))))
      assert.same({ { 10 }, false }, (by_id({ a, b }, id_of(9))))
      assert.same({ { 6, 7, 8, 9, 10 }, false }, (by_id({ a, b }, id_of(5))))
      assert.same({ { 7, 9 }, false }, (by_id({ a }, id_of(5))))
      assert.same({ { 7, 9 }, false }, (by_id({ a }, id_of(6)))) -- another channel's
      assert.same({ {}, false }, (by_id({ a }, id_of(9))))
      assert.same({ { 1, 3, 5, 7, 9 }, false }, (by_id({ a }, id_of(0))))
    end)

    it("tells what `replay` as a count does not allow", function()
      ten()
      limit(a, 2)
      assert.same({ { 7, 9 }, "expired", 1, 5 }, (by_id({ a }, id_of(1))))
      assert.same({ { 7, 9 }, "expired", 4, 5 }, (by_id({ a }, id_of(4))))
      assert.same({ { 7, 9 }, false }, (by_id({ a }, id_of(5))))
      assert.same({ { 9 }, false }, (by_id({ a }, id_of(7))))
      limit(a, 0)
      assert.same({ {}, "expired", 7, 9 }, (by_id({ a }, id_of(7))))
      assert.same({ {}, false }, (by_id({ a }, id_of(9))))
      assert.same({ {}, false }, (by_id({ a }, id_of(10))))
    end)

    it("tells what `replay` as a time does not allow", function()
      ten()
      limit(a, nil, 4000) -- 7 is just not too old
      assert.same({ { 7, 9 }, "expired", 1, 5 }, (by_id({ a }, id_of(1))))
      assert.same({ { 7, 9 }, false }, (by_id({ a }, id_of(5))))
      limit(a, nil, 3999)
      assert.same({ { 9 }, "expired", 1, 7 }, (by_id({ a }, id_of(1))))
      limit(a, nil, 0)
      assert.same({ {}, "expired", 1, 9 }, (by_id({ a }, id_of(1))))
      limit(a, 1, 4000) -- both: the stricter
      assert.same({ { 9 }, "expired", 1, 7 }, (by_id({ a }, id_of(1))))
      limit(a, 3, 3999)
      assert.same({ { 9 }, "expired", 1, 7 }, (by_id({ a }, id_of(1))))
    end)

    it("judges each channel by itself", function()
      ten()
      limit(a, 1)
      assert.same({ { 2, 4, 6, 8, 9, 10 }, "expired", 1, 7 }, (by_id({ a, b }, id_of(1))))
      assert.same({ { 2, 4, 6, 8, 10 }, false }, (by_id({ b }, id_of(1))))
    end)

    it("tells what the ring has overwritten", function()
      ten()
      go_round(a)
      local held = store:held()
      local first, last = held[1].seq, held[#held].seq
      local seqs = {}
      for i, record in ipairs(held) do seqs[i] = record.seq end
      local got, resume = by_id({ a }, id_of(3))
      assert.same({ seqs, "expired", 3, first - 1 }, got)
      assert.equal(first - 1, tonumber(resume.seq))
      assert.same({ seqs, false }, (after_gap({ a }, resume)))
      assert.same({ seqs, false }, (by_id({ a }, id_of(first - 1))))
      assert.same({ seqs, "expired", first - 2, first - 1 }, (by_id({ a }, id_of(first - 2))))
      assert.same({ {}, false }, (by_id({ a }, id_of(last))))
    end)

    it("gives a quiet channel beside a chatty one no false gap", function()
      ten()
      go_round(a)
      -- 10 was its last, and is overwritten: but the client had it.
      local got, resume = by_id({ b }, id_of(10))
      assert.same({ {}, false }, got)
      assert.equal(store.list[#store.list].seq, tonumber(resume.seq))
      assert.same({ {}, false }, (by_id({ b }, id_of(12))))
      assert.same({ {}, "expired", 9, 10 }, (by_id({ b }, id_of(9))))
      local seq = store:append(b, "at last", now)
      assert.same({ { seq }, false }, (by_id({ b }, id_of(10))))
      assert.same({ { seq }, "expired", 9, 10 }, (by_id({ b }, id_of(9))))
      -- A channel in which nothing ever happened.
      local quiet = store:channel "quiet"
      assert.same({ {}, false }, (by_id({ quiet }, id_of(1))))
    end)

    it("needs no second gap after the first, though a channel was quiet", function()
      ten()
      go_round(a)
      for _, channels in ipairs { { a }, { b }, { a, b } } do
        local got, resume = by_id(channels, id_of(3))
        assert.equal("expired", got[2])
        assert.is_false((after_gap(channels, resume))[2])
      end
      store:append(b, "held", now)
      for _, channels in ipairs { { a }, { b }, { a, b } } do
        local got, resume = by_id(channels, id_of(3))
        assert.equal("expired", got[2])
        assert.is_false((after_gap(channels, resume))[2])
      end
      limit(a, 3)
      for _, channels in ipairs { { a }, { b } } do
        local got, resume = by_id(channels, id_of(3))
        assert.equal("expired", got[2])
        assert.is_false((after_gap(channels, resume))[2])
      end
    end)

    it("is restarted by an id of another epoch", function()
      ten()
      limit(a, 2)
      local other = id_of(5, journal.header.epoch == 1 and 2 or 1)
      local got, resume = by_id({ a }, other)
      assert.same({ { 7, 9 }, "restarted", 0, tonumber(resume.seq) }, got)
      assert.same({ { 7, 9 }, false }, (after_gap({ a }, resume)))
      assert.equal("restarted", by_id({ a }, id_of(2 ^ 40, 1))[2])
    end)

    it("does not know forged and strange ones, and begins as `since` says", function()
      ten()
      for _, id in ipairs {
        id_of(11), id_of(0x3fffffffffffffffULL), id_of(5, nil, 7), "1", "garbage", ("x"):rep(300),
        id_of(5):upper() .. " ", "\0", ("\255"):rep(36), "null",
      } do
        assert.same({ {}, "unknown", 0, 10 }, (by_id({ a }, id)))
        assert.same({ { 9 }, "unknown", 0, 7 }, (by_id({ a }, id, C.RESUME_COUNT, 1)))
      end
    end)

    it("works in an empty journal", function()
      assert.same({ {}, false }, (by_id({ a }, id_of(0))))
      assert.same({ {}, "unknown", 0, 0 }, (by_id({ a }, id_of(1))))
      assert.same({ {}, "restarted", 0, 0 }, (by_id({ a }, id_of(9, 1))))
    end)

    it("knows what a channel had lost whose row was another's meanwhile", function()
      for i = 3, 16 do store:channel("c" .. i) end
      ten()
      go_round(a)
      store:close_channel(b)
      assert.equal(b, store:channel "other")
      store:append(b, "other's", now)
      store:close_channel(b)
      go_round(a)
      assert.equal(b, store:channel "b")
      assert.equal("expired", by_id({ b }, id_of(4))[2])
    end)

    it("looks back over long runs exactly", function()
      -- 3 of b, 10,000 of a, 5,000 of b.
      for _ = 1, 3 do store:append(b, "old", 1000) end
      for _ = 1, 10000 do store:append(a, "x", 50000) end
      for _ = 1, 5000 do store:append(b, "y", 60000) end
      now = 70000
      limit(b, nil, 30000)
      local got = by_id({ b }, id_of(1))
      assert.same({ 5000, "expired", 1, 3 }, { #got[1], got[2], got[3], got[4] })
      assert.is_false(by_id({ b }, id_of(3))[2])
      assert.is_false(by_id({ b }, id_of(700))[2]) -- nothing of b was too old from here
    end)
  end)

  describe("by since", function()
    it("begins now, with so many, so long ago, or with all", function()
      ten()
      assert.same({ {}, false }, (by_since({ a, b }, C.RESUME_NOW)))
      assert.same({ { 7, 8, 9, 10 }, false }, (by_since({ a, b }, C.RESUME_COUNT, 2)))
      assert.same({ {}, false }, (by_since({ a, b }, C.RESUME_COUNT, 0)))
      assert.same({ { 1, 3, 5, 7, 9 }, false }, (by_since({ a }, C.RESUME_COUNT, 1e300)))
      assert.same({ { 9, 10 }, false }, (by_since({ a, b }, C.RESUME_TIME, 2000)))
      assert.same({ {}, false }, (by_since({ a, b }, C.RESUME_TIME, 0)))
      assert.same({ { 1, 3, 5, 7, 9 }, false }, (by_since({ a }, C.RESUME_TIME, 1e18)))
      assert.same({ { 2, 4, 6, 8, 10 }, false }, (by_since({ b }, C.RESUME_ALL)))
      for _, odd in ipairs { -1, 0 / 0, -math.huge } do
        assert.same({ {}, false }, (by_since({ a, b }, C.RESUME_COUNT, odd)))
      end
    end)

    it("stays within `replay`", function()
      ten()
      limit(a, 2)
      limit(b, nil, 3000)
      assert.same({ { 7, 8, 9, 10 }, false }, (by_since({ a, b }, C.RESUME_ALL)))
      assert.same({ { 7, 8, 9, 10 }, false }, (by_since({ a, b }, C.RESUME_COUNT, 50)))
      assert.same({ { 7, 8, 9, 10 }, false }, (by_since({ a, b }, C.RESUME_TIME, 9000)))
      assert.same({ { 9, 10 }, false }, (by_since({ a, b }, C.RESUME_COUNT, 1)))
      limit(a, 0)
      limit(b, 0)
      for _, since in ipairs { C.RESUME_NOW, C.RESUME_COUNT, C.RESUME_TIME, C.RESUME_ALL } do
        local got, resume = by_since({ a, b }, since, 99999)
        assert.same({ {}, false }, got)
        assert.equal(10, tonumber(resume.seq))
      end
    end)

    it("takes what the ring still holds, without a gap", function()
      ten()
      go_round(a)
      local got = by_since({ a, b }, C.RESUME_ALL)
      assert.same({ #store:held(), false }, { #got[1], got[2] })
    end)

    it("gets what comes next, whatever it begins with", function()
      ten()
      for _, since in ipairs { C.RESUME_NOW, C.RESUME_COUNT, C.RESUME_TIME, C.RESUME_ALL } do
        limit(a, 0)
        local wants, count = wants_of { a, b }
        local resume = ffi.new "struct resume"
        lib.resume_since(journal, wants, count, since, 0, now, resume)
        local one, two = store:append(a, "next", now), store:append(b, "next", now)
        local read = store:read(resume.position, nil, nil, wants, count)
        assert.same({ one, two }, { read[#read - 1].seq, read[#read].seq })
      end
    end)
  end)

  describe("of a slow client", function()
    local function overrun(channels, seq, floors)
      local wants, count = support.wants(floors or {})
      if not floors then
        wants, count = wants_of(channels)
        for i = 0, count - 1 do wants[i].from_seq = 0 end
      end
      local resume = ffi.new "struct resume"
      lib.resume_overrun(journal, wants, count, seq, resume)
      return outcome(resume, wants, count)
    end

    it("tells only what it lost of its own channels", function()
      ten()
      go_round(a)
      local first = store:held()[1].seq
      local got, resume = overrun({ a }, 4)
      assert.same({ "lagged", 4, first - 1 }, { got[2], got[3], got[4] })
      assert.equal(#store:held(), #got[1])
      assert.equal(first - 1, tonumber(resume.seq))
      assert.is_false(after_gap({ a }, resume)[2])
      assert.same({ {}, false }, (overrun({ b }, 10)))
      assert.same({ {}, "lagged", 8, 10 }, (overrun({ b }, 8)))
      assert.same({ {}, false }, (overrun({}, 8, { [b] = 11 }))) -- it never wanted them
      assert.same({ {}, false }, (overrun({}, 8, {})))
    end)

    it("skips what is just about to be overwritten", function()
      ten()
      journal.channels[b].lost_seq = 4 -- stored, and tail not yet
      local got, resume = overrun({ a, b }, 1)
      assert.same({ { 5, 6, 7, 8, 9, 10 }, "lagged", 1, 4 }, got)
      assert.same({ { 5, 6, 7, 8, 9, 10 }, false }, (after_gap({ a, b }, resume)))
    end)

    it("does not stumble over an empty journal", function()
      assert.same({ {}, false }, (overrun({ a }, 0)))
    end)
  end)

  describe("gap event", function()
    it("says from where to where, and why, and has the id to go on from", function()
      ten()
      limit(a, 1)
      local _, resume = by_id({ a }, id_of(1))
      local id, name, data = gap_event(resume)
        :match "^id: ([^\n]+)\nevent: ([^\n]+)\ndata: ([^\n]+)\n\n$"
      assert.equal("gap", name)
      assert.equal(id_of(tonumber(resume.seq)), id)
      assert.same({ from = id_of(1), to = id_of(7), reason = "expired" }, cjson.decode(data))
      assert.equal(7, tonumber(resume.seq)) -- 8 is the other channel's
    end)

    it("has no `from` that was not verified", function()
      ten()
      local _, resume = by_id({ a }, "<script>")
      local text = gap_event(resume)
      assert.is_nil(text:find "script")
      assert.same({ from = cjson.null, to = id_of(10), reason = "unknown" },
        cjson.decode(text:match "data: ([^\n]+)"))
    end)

    it("has four reasons", function()
      local reasons = {}
      for gap = 1, 4 do reasons[gap] = ffi.string(lib.resume_reason(gap)) end
      assert.same({ "expired", "restarted", "lagged", "unknown" }, reasons)
      assert.is_true(lib.resume_reason(0) == nil)
    end)

    it("is one chunk if wanted", function()
      ten()
      local _, resume = by_id({ a }, "?")
      local buffer = ffi.new "struct buffer"
      lib.resume_frame_gap(journal, resume, true, buffer)
      local size, chunk = ffi.string(buffer.bytes, buffer.size):match "^(%x+)\r\n(.*)\r\n$"
      assert.equal(tonumber(size, 16), #chunk)
      assert.equal(gap_event(resume), chunk)
      lib.buffer_done(buffer)
    end)
  end)
end)
