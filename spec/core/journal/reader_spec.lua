-- SPDX-License-Identifier: MIT
local support = require "spec.core.journal.support"
local ffi, lib = support.ffi, support.lib

describe("journal reader", function()
  local store, journal

  local function fill(records, channels, bytes)
    local time = 1000
    for _ = 1, records do
      time = time + math.max(0, math.random(-3, 4))
      local frame = tostring(#store.list):rep(math.random(bytes / 8))
      store:append(math.random(0, channels - 1), frame, time)
    end
  end

  local function restart(channels)
    if store then store:done() end
    store = support.new(0, channels)
    journal = store.journal
    for i = 0, channels - 1 do store:channel("c" .. i) end
  end

  before_each(function()
    math.randomseed(11)
    restart(4)
  end)

  after_each(function()
    store:done()
    store = nil
  end)

  describe("find", function()
    local function check_all(step)
      local held = store:held()
      local head = tonumber(journal.header.head)
      local first, last = held[1].seq, held[#held].seq
      for i = 1, #held - 1, step do
        assert.equal(held[i + 1].position, tonumber(lib.journal_find(journal, held[i].seq)))
      end
      assert.equal(held[1].position, tonumber(lib.journal_find(journal, first - 1)))
      assert.equal(held[1].position, tonumber(lib.journal_find(journal, 0))) -- overwritten
      assert.equal(held[1].position, tonumber(lib.journal_find(journal, math.floor(first / 2))))
      assert.equal(held[#held].position, tonumber(lib.journal_find(journal, last - 1)))
      assert.equal(head, tonumber(lib.journal_find(journal, last)))
      assert.equal(head, tonumber(lib.journal_find(journal, last + 1000))) -- to come
      assert.equal(head, tonumber(lib.journal_find(journal, 0x3fffffffffffffffULL)))

      local by_time = {}
      for i = #held, 1, -1 do by_time[held[i].time] = held[i].position end
      local wanted = head
      for time = held[#held].time + 3, held[1].time - 3, -1 do
        wanted = by_time[time] or wanted
        assert.equal(wanted, tonumber(lib.journal_find_time(journal, time)))
      end
      assert.equal(held[1].position, tonumber(lib.journal_find_time(journal, 0)))
    end

    it("finds every record by seq and by time, before the ring is full", function()
      fill(1, 4, 800)
      check_all(1)
      fill(1500, 4, 800)
      assert.equal(0, tonumber(journal.header.tail))
      check_all(1)
    end)

    it("finds every record after the ring has gone round", function()
      for _ = 1, 4 do
        fill(3000, 4, 1600)
        check_all(3)
      end
      assert.is_true(journal.header.tail > 3 * journal.ring_bytes)
    end)

    it("finds them among records longer than a block of the index", function()
      for _ = 1, 100 do
        store:append(0, ("x"):rep(math.random(200000)), 5000 + #store.list)
        fill(math.random(0, 20), 4, 800)
        check_all(1)
      end
    end)

    it("finds records of one and the same millisecond", function()
      for _ = 1, 5000 do store:append(0, ("x"):rep(200), 7) end
      local tail = tonumber(journal.header.tail)
      assert.equal(tail, tonumber(lib.journal_find_time(journal, 7)))
      assert.equal(tonumber(journal.header.head), tonumber(lib.journal_find_time(journal, 8)))
    end)
  end)

  describe("copy", function()
    it("gives whole records, about as much as asked for and at least one", function()
      fill(300, 4, 800)
      local buffer = ffi.new "struct buffer"
      local position = ffi.new "uint64_t[1]"
      local all = {}
      while position[0] < journal.header.head do
        buffer.size = 0
        local before = position[0]
        local got = lib.journal_copy(journal, position, journal.header.head, 500, buffer)
        assert.equal(got, tonumber(buffer.size))
        assert.equal(got, tonumber(position[0] - before))
        local list = support.records(buffer)
        assert.is_true(#list == 1 or got <= 500)
        for _, record in ipairs(list) do all[#all + 1] = record end
      end
      assert.same(support.plain(store.list), support.plain(all))
      lib.buffer_done(buffer)
    end)

    it("stops at the limit and adds to what is there", function()
      fill(10, 4, 800)
      local buffer = ffi.new "struct buffer"
      local position = ffi.new "uint64_t[1]"
      lib.journal_copy(journal, position, store.list[5].position, 1e6, buffer)
      assert.equal(store.list[5].position, tonumber(position[0]))
      assert.equal(0, lib.journal_copy(journal, position, position[0], 1e6, buffer))
      lib.journal_copy(journal, position, journal.header.head, 1e6, buffer)
      assert.same(support.plain(store.list), support.plain(support.records(buffer)))
      lib.buffer_done(buffer)
    end)

    it("says when it was overtaken", function()
      fill(9000, 4, 800)
      local overrun = ffi.C.STENTOR_EOVERRUN
      assert.same({ nil, overrun }, { store:read(0) })
      assert.same({ nil, overrun }, { store:read(journal.header.tail - 8) })
      local wants, count = support.wants { [0] = 0 }
      assert.same({ nil, overrun }, { store:read(0, nil, nil, wants, count) })
      local record = ffi.new "struct journal_record"
      assert.equal(overrun, lib.journal_peek(journal, 0, record))
      assert.equal(0, lib.journal_peek(journal, journal.header.tail, record))
    end)
  end)

  describe("select", function()
    -- The same from the list of all that was appended.
    local function filtered(from, limit, floors)
      local list = {}
      for _, record in ipairs(store.list) do
        if record.position >= from and record.position < limit and floors[record.channel]
          and record.seq >= floors[record.channel] then
          list[#list + 1] = record
        end
      end
      return list
    end

    local function check(channels, rounds)
      for _ = 1, rounds do
        local held = store:held()
        local floors = {}
        for channel = 0, channels - 1 do
          if math.random(3) > 1 then
            floors[channel] = math.random(3) == 1 and math.random(#store.list) or 0
          end
        end
        local i = math.random(4) == 1 and 1 or math.random(#held)
        local j = math.random(i, #held)
        local from = held[i].position
        local limit = math.random(3) == 1 and tonumber(journal.header.head) or held[j].position
        local wants, count = support.wants(floors)
        local read = store:read(from, limit, 2 ^ math.random(4, 20), wants, count)
        assert.same(support.plain(filtered(from, limit, floors)), support.plain(read))
      end
    end

    it("equals a plain filter, for 1 to 12 channels", function()
      for channels = 1, 12 do
        restart(channels)
        fill(2500, channels, 3200)
        assert.is_true(journal.header.tail > 0)
        check(channels, 12)
      end
    end)

    it("equals a plain filter, with many short records", function()
      fill(12000, 4, 16)
      check(4, 10)
    end)

    it("finds the rare ones of a quiet channel among 30,000", function()
      local rare = {}
      for i = 1, 30000 do
        if i % 2500 == 5 then rare[#rare + 1] = store:append(3, "rare", i) end
        store:append(0, "often", i)
      end
      local held = store:held()
      local wants, count = support.wants { [3] = 0 }
      local got = {}
      for i, record in ipairs(store:read(held[1].position, nil, 1e6, wants, count)) do
        got[i] = record.seq
      end
      local wanted = {}
      for _, seq in ipairs(rare) do
        if seq >= held[1].seq then wanted[#wanted + 1] = seq end
      end
      assert.is_true(#wanted > 5)
      assert.same(wanted, got)
    end)

    it("looks at a bounded number of records in one call", function()
      for _ = 1, 16000 do store:append(0, "x", 1) end
      local wants, count = support.wants { [0] = 15999, [1] = 0, [2] = 0 }
      wants[0].from_seq = 15999
      -- More channels than it walks the chains of.
      local many = ffi.new "struct journal_want[9]"
      for i = 0, 8 do many[i].channel, many[i].from_seq = i * 100 + 1, 0 end
      local position, buffer = ffi.new "uint64_t[1]", ffi.new "struct buffer"
      local head, calls = journal.header.head, 0
      repeat
        local got = lib.journal_select(journal, many, 9, position, head, 1e6, buffer)
        calls = calls + 1
        assert.equal(0, got)
      until position[0] == head
      assert.is_true(calls > 1 and calls < 10)
      assert.equal(2, #store:read(0, head, 1e6, wants, count))
    end)
  end)
end)
