-- SPDX-License-Identifier: MIT
local support = require "spec.core.journal.support"
local ffi, lib, fork = support.ffi, support.lib, support.fork

describe("journal", function()
  local store, journal

  before_each(function()
    store = support.new()
    journal = store.journal
    store:channel "a"
    store:channel "b"
  end)

  after_each(function() store:done() end)

  it("is empty at first", function()
    assert.equal(0, tonumber(lib.journal_head(journal)))
    assert.equal(0, tonumber(lib.journal_tail(journal)))
    assert.equal(0, tonumber(lib.journal_newest_seq(journal)))
    assert.equal(1, tonumber(lib.journal_next_seq(journal)))
    assert.equal(0, tonumber(lib.journal_find(journal, 0)))
    assert.equal(0, tonumber(lib.journal_find_time(journal, 0)))
    assert.same({}, store:read(0))
    local position = ffi.new "uint64_t[1]"
    local buffer = ffi.new "struct buffer"
    assert.equal(0, lib.journal_copy(journal, position, 0, 100, buffer))
    local wants, count = support.wants { [0] = 0 }
    assert.equal(0, lib.journal_select(journal, wants, count, position, 0, 100, buffer))
  end)

  it("gives back what was appended", function()
    store:append(0, "first", 1000)
    assert.equal(0, store:append_all({
      { 1, "", key = "only a key" }, { 0, "x" }, { 1, ("long"):rep(1000), key = "k" },
    }, 2000))
    local read = store:read(0)
    assert.same(support.plain(store.list), support.plain(read))
    assert.same({ 1, 2, 3, 4 }, { read[1].seq, read[2].seq, read[3].seq, read[4].seq })
    assert.is_true(read[1].previous == support.NONE)
    assert.is_true(read[2].previous == support.NONE)
    assert.equal(store.list[1].position, tonumber(read[3].previous))
    assert.equal(store.list[2].position, tonumber(read[4].previous))
    assert.equal(4, tonumber(lib.journal_newest_seq(journal)))
  end)

  it("survives frames and keys of every length around a word", function()
    for frame = 0, 17 do
      for key = 0, 17 do
        store:append_all({ { 0, ("f"):rep(frame), key = ("k"):rep(key) } }, 1)
      end
    end
    store:append_all({ { 0, "ab", key = ("k"):rep(1024) } }, 1)
    assert.same(support.plain(store.list), support.plain(store:read(0)))
  end)

  it("keeps the newest when it wraps around, each in one piece", function()
    math.randomseed(1)
    local ring = tonumber(journal.ring_bytes)
    local crossed = 0
    while tonumber(journal.header.head) < 12 * ring do
      local frame = string.char(math.random(0, 255)):rep(math.random(0, 3000))
      store:append(math.random(0, 1), frame, #store.list)
      local last = store.list[#store.list]
      if last.position % ring + #frame + 40 > ring then
        crossed = crossed + 1
        -- The reader finds it contiguous too.
        local read = store:read(last.position)
        assert.same({ last.frame }, { read[1].frame })
      end
    end
    assert.is_true(crossed > 5)
    local held = store:held()
    assert.is_true(#held > 300)
    assert.same(support.plain(held), support.plain(store:read(journal.header.tail)))
    assert.is_true(journal.header.head - journal.header.tail <= journal.ring_bytes)
    -- The tail goes no further than it must.
    assert.is_true(journal.header.head - journal.header.tail > journal.ring_bytes - 3100)
    local lost = { [0] = 0, 0 }
    for _, record in ipairs(store.list) do
      if record.seq < held[1].seq then lost[record.channel] = record.seq end
    end
    for channel = 0, 1 do
      assert.equal(lost[channel], tonumber(journal.channels[channel].lost_seq))
    end
  end)

  it("takes a quarter of the ring at once, and not more", function()
    local most = tonumber(journal.ring_bytes) / 4 - ffi.sizeof "struct journal_record"
    for _ = 1, 9 do
      assert.equal(0, store:append_all({ { 0, ("x"):rep(most) } }, 1))
      local read = store:read(store.list[#store.list].position)
      assert.equal(most, #read[1].frame)
      assert.equal(ffi.C.STENTOR_ETOOBIG, store:append_all({ { 0, ("x"):rep(most + 1) } }, 1))
      assert.equal(ffi.C.STENTOR_ETOOBIG,
        store:append_all({ { 0, ("x"):rep(most) }, { 1, "" } }, 1))
    end
    assert.equal(9, tonumber(lib.journal_newest_seq(journal)))
    assert.equal(9, tonumber(store:read(lib.journal_find(journal, 8))[1].seq))
    -- What was refused has driven nothing out.
    assert.same(support.plain(store:held()), support.plain(store:read(journal.header.tail)))
    assert.equal(4, #store:held())
  end)

  it("lets time never run backwards", function()
    store:append(0, "a", 5000)
    store:append(0, "b", 4000)
    store:next_writer()
    store:append(0, "c", 1000)
    store:append(0, "d", 6000)
    local times = {}
    for i, record in ipairs(store:read(0)) do times[i] = record.time end
    assert.same({ 5000, 5000, 5000, 6000 }, times)
  end)

  it("goes on where another writer ended", function()
    for i = 1, 3000 do store:append(i % 2, ("%d"):format(i):rep(200), i) end
    for i = 3001, 3020 do
      store:next_writer()
      store:append(i % 2, ("%d"):format(i):rep(200), i)
    end
    local read = store:read(store.journal.header.tail)
    assert.same(support.plain(store:held()), support.plain(read))
    assert.equal(3020, read[#read].seq)
    for i, record in ipairs(read) do
      if i > 2 then assert.equal(store.list[record.seq - 2].position, tonumber(record.previous)) end
    end
  end)

  it("opens only what it is", function()
    local why, other = ffi.new "char[256]", ffi.new "struct journal"
    local fd = fork.memory()
    assert.equal(ffi.C.STENTOR_EINVALID, lib.journal_open(other, fd, false, why))
    assert.equal("this is not a journal", ffi.string(why))
    assert.equal(0, lib.journal_create(fd, 0, 4, why))
    assert.equal(0, lib.journal_open(other, fd, true, why))
    local version = other.header.version
    other.header.version = 99
    assert.equal(ffi.C.STENTOR_EVERSION, lib.journal_open(journal, fd, false, why))
    other.header.version = version
    other.header.ring_bytes = other.header.ring_bytes * 2
    assert.equal(ffi.C.STENTOR_EINVALID, lib.journal_open(journal, fd, false, why))
    assert.equal("the journal's size is wrong", ffi.string(why))
    ffi.C.close(fd)
    lib.journal_close(other)
    assert.equal(ffi.C.STENTOR_ESYSTEM, lib.journal_open(other, -1, false, why))
  end)

  it("has an epoch of its own", function()
    local second = support.new()
    assert.is_true(second.journal.header.epoch ~= journal.header.epoch)
    assert.is_true(second.journal.header.epoch < 2ULL ^ 48)
    second:done()
  end)

  describe("opened for reading", function()
    it("sees what is appended and cannot append", function()
      local reader = assert(store:open(false))
      store:append(0, "news", 1)
      assert.equal(1, tonumber(lib.journal_newest_seq(reader)))
      assert.equal(ffi.C.STENTOR_EREADONLY,
        lib.journal_append(reader, ffi.new "struct journal_entry[1]", 1, 0))
      lib.journal_close(reader)
    end)

    it("cannot spoil it", function()
      local reader = assert(store:open(false))
      local function writes_to(find)
        local _, signal = fork.quietly(function() find(reader)[0] = 1 end)
        return signal
      end
      assert.equal(11, writes_to(function(j) return ffi.cast("char *", j.header) end))
      assert.equal(11, writes_to(function(j) return ffi.cast("char *", j.channels) end))
      assert.equal(11, writes_to(function(j) return ffi.cast("char *", j.marks) end))
      assert.equal(11, writes_to(function(j) return j.ring end))
      assert.equal(11, writes_to(function(j) return j.ring + j.ring_bytes end))
      -- The writer's view is the control.
      assert.equal(0, writes_to(function() return journal.ring + journal.ring_bytes end))
      lib.journal_close(reader)
    end)

    it("is refused as a writer by the descriptor of a worker", function()
      local fd = ffi.C.open(("/proc/self/fd/%d"):format(store.fd), 0)
      assert.is_true(fd >= 0)
      local why, other = ffi.new "char[256]", ffi.new "struct journal"
      assert.equal(ffi.C.STENTOR_ESYSTEM, lib.journal_open(other, fd, true, why))
      assert.equal(0, lib.journal_open(other, fd, false, why))
      lib.journal_close(other)
      ffi.C.close(fd)
    end)
  end)

  -- A writer that died between two steps of an append (see journal.c).
  describe("after a death", function()
    local header

    before_each(function()
      for i = 1, 20 do store:append(i % 2, "x" .. i, i) end
      header = journal.header
    end)

    it("before head moved: nothing was appended", function()
      local head = header.head
      store:append_all({ { 0, "y" }, { 1, "z" } }, 99)
      header.head = head
      header.settled, header.settled_seq, header.settled_time = head, 20, 20
      journal.channels[0].newest, journal.channels[0].newest_seq = store.list[20].position, 20
      journal.channels[1].newest, journal.channels[1].newest_seq = store.list[19].position, 19
      store.list[21], store.list[22] = nil, nil
      assert.equal(20, tonumber(lib.journal_newest_seq(journal)))
      store:next_writer()
      assert.equal(21, store:append(1, "other", 30))
      assert.same(support.plain(store.list), support.plain(store:read(0)))
    end)

    it("with marks beyond head: they go", function()
      local block = 3
      journal.marks[block].position = block * 65536 + 8
      journal.marks[block].seq, journal.marks[block].time_ms = 1, 1
      store:next_writer()
      assert.is_true(store.journal.marks[block].position == support.NONE)
      for _ = 1, 5000 do store:append(0, ("m"):rep(100), 50) end
      for seq = 0, 5019, 7 do
        assert.equal(store.list[seq + 1].position, tonumber(lib.journal_find(store.journal, seq)))
      end
    end)

    -- Step 5 of `old` records, as far as `rows` records' rows and `seq`
    -- records' settled_seq.
    local function unsettle(old, rows, seq)
      header.settled = store.list[old + 1].position
      header.settled_seq, header.settled_time = seq, store.list[seq].time
      for i = 1, rows do
        local record = store.list[i]
        local row = journal.channels[record.channel]
        row.newest, row.newest_seq = record.position, record.seq
      end
    end

    it("with head moved and the table not: readers know, the next writer mends", function()
      for done = 0, 3 do
        for behind = 0, math.min(done, 1) do
          journal, header = store.journal, store.journal.header
          local old = #store.list
          store:append_all({ { 0, "y" }, { 1, "z" }, { 0, "w" } }, 99)
          unsettle(old, old + done, old + done - behind)
          assert.equal(old + 3, tonumber(lib.journal_newest_seq(journal)))
          assert.equal(store.list[old + 3].position, tonumber(lib.journal_find(journal, old + 2)))
          local wants, count = support.wants { [0] = 0 }
          local selected = store:read(0, nil, nil, wants, count)
          assert.equal(old + 3, selected[#selected].seq)
          store:next_writer()
          local rows = store.journal.channels
          assert.equal(old + 3, tonumber(rows[0].newest_seq))
          assert.equal(old + 2, tonumber(rows[1].newest_seq))
          assert.equal(store.list[old + 3].position, tonumber(rows[0].newest))
          assert.equal(store.list[old + 2].position, tonumber(rows[1].newest))
          assert.equal(old + 3, tonumber(store.journal.header.settled_seq))
          assert.equal(99, tonumber(store.journal.header.settled_time))
          assert.is_true(store.journal.header.settled == store.journal.header.head)
        end
      end
      assert.same(support.plain(store.list), support.plain(store:read(0)))
    end)

    it("with a loss told and the tail not moved: it is lost", function()
      journal.channels[1].lost_seq = 1 -- step 1 of two records, and no step 2
      journal.channels[0].lost_seq = 2
      store:next_writer()
      assert.equal(store.list[3].position, tonumber(store.journal.header.tail))
      assert.same(support.plain(store:held()),
        support.plain(store:read(store.journal.header.tail)))
    end)
  end)
end)
