-- SPDX-License-Identifier: MIT
local support = require "spec.core.journal.support"
local ffi = support.ffi

describe("channel table", function()
  local store

  local function row(channel) return store.journal.channels[channel] end

  -- Appends to `channel` until the ring has gone round.
  local function go_round(channel)
    local frame = ("x"):rep(60000)
    for _ = 1, 20 do store:append(channel, frame, 1) end
  end

  before_each(function() store = support.new(0, 4) end)
  after_each(function() store:done() end)

  it("gives a name a row, and the same row again", function()
    assert.equal(0, store:channel("news", 500, 600000))
    assert.equal(1, store:channel "jobs/1")
    assert.equal(0, store:channel("news", 7, 8))
    assert.equal("news", ffi.string(row(0).name))
    assert.equal(4, row(0).name_bytes)
    assert.equal(7, row(0).replay_count)
    assert.equal(8, tonumber(row(0).replay_ms))
    assert.equal(2, store.journal.header.channel_count)
    assert.is_true(row(0).newest == support.NONE)
  end)

  it("refuses names without or with too many bytes", function()
    assert.equal(ffi.C.STENTOR_EINVALID, store:channel "")
    assert.equal(ffi.C.STENTOR_EINVALID, store:channel(("x"):rep(200)))
    assert.equal(0, store:channel(("x"):rep(199)))
    assert.equal(1, store:channel "with\0nul")
    assert.equal(2, store:channel "with")
  end)

  it("counts the rows that are open, also for the next writer", function()
    local function open() return store.map.open end
    for i = 0, 2 do store:channel("c" .. i) end
    store:channel "c1"
    assert.equal(3, open())
    for _ = 1, 2 do store:close_channel(1) end
    assert.equal(2, open())
    store:next_writer()
    assert.equal(2, open())
    store:channel "c1"
    assert.equal(3, open())
  end)

  it("is full at its limit", function()
    for i = 0, 3 do assert.equal(i, store:channel("c" .. i)) end
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "c4")
    assert.equal(2, store:channel "c2")
  end)

  it("gives a row away only when the tail has passed its last record", function()
    for i = 0, 3 do store:channel("c" .. i) end
    local seq = store:append(1, "last", 1)
    local generation = row(1).generation
    store:close_channel(1)
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "new")
    assert.equal(1, store:channel "c1") -- until then the name finds it
    assert.equal(seq, tonumber(row(1).newest_seq))
    assert.equal(generation, row(1).generation)
    store:close_channel(1)
    go_round(0)
    assert.equal(seq, tonumber(row(1).lost_seq))
    assert.equal(1, store:channel "new")
    assert.equal(generation + 1, row(1).generation)
    assert.equal("new", ffi.string(row(1).name))
    assert.is_true(row(1).newest == support.NONE)
    assert.equal(0, tonumber(row(1).newest_seq))
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "c1")
    -- Its chain starts anew.
    store:append(1, "first", 1)
    local read = store:read(store.list[#store.list].position)
    assert.is_true(read[1].previous == support.NONE)
  end)

  it("has room again once the journal forgets the channel quiet for longest", function()
    for i = 0, 3 do store:channel("c" .. i) end
    assert.is_true(store:oldest_closed() == support.NONE)
    local first = store:append(0, "of a channel in use", 1)
    local second = store:append(2, "of a closed one", 1)
    local third = store:append(1, "of a closed one, too", 1)
    store:append(0, "newer", 1)
    store:close_channel(1)
    store:close_channel(2)
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "new")
    store:forget(store:oldest_closed())
    assert.equal(first, tonumber(row(0).lost_seq))
    assert.equal(second, tonumber(row(2).lost_seq))
    assert.equal(0, tonumber(row(1).lost_seq))
    assert.is_true(store.journal.header.tail == store.list[3].position)
    assert.equal(2, store:channel "new")
    assert.equal(second, tonumber(row(2).lost_seq))
    assert.equal(1, store:channel "c1")
    assert.equal(third, tonumber(row(1).newest_seq))
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "c2")
    assert.is_true(store:oldest_closed() == support.NONE)
  end)

  it("does not forget that a forgotten channel had lost something", function()
    for i = 0, 3 do store:channel("c" .. i) end
    local seq = store:append(1, "last", 1)
    store:close_channel(1)
    go_round(0)
    store:channel "new"
    store:close_channel(1)
    assert.equal(1, store:channel "c1") -- the row was given away twice
    assert.equal(seq, tonumber(row(1).lost_seq))
  end)

  it("gives a row that had no record away at once", function()
    for i = 0, 3 do store:channel("c" .. i) end
    store:close_channel(3)
    assert.equal(3, store:channel "new")
    assert.equal(0, tonumber(row(3).lost_seq))
  end)

  it("gives no row away that has streams", function()
    for i = 0, 3 do store:channel("c" .. i) end
    local asked = {}
    local has_streams = ffi.cast("bool (*)(const void *, uint32_t)", function(_, number)
      asked[#asked + 1] = number
      return number == 2
    end)
    store.map.has_streams = has_streams
    store:close_channel(2)
    assert.equal(ffi.C.STENTOR_EFULL, store:channel "new")
    store:close_channel(3)
    assert.equal(3, store:channel "new")
    assert.same({ 2, 2, 3 }, asked)
    store.map.has_streams = nil
    has_streams:free()
  end)

  it("is found again by the next writer", function()
    store:channel "a"
    store:channel "b"
    store:close_channel(0)
    store:next_writer()
    assert.equal(1, store:channel "b")
    assert.equal(0, store:channel "a")
    assert.equal(2, store:channel "c")
  end)

  it("has no half names after a death", function()
    for i = 0, 3 do store:channel("c" .. i) end
    store:close_channel(2)
    row(2).state = ffi.C.JOURNAL_CHANNEL_FREE -- taken, and no further
    store:next_writer()
    assert.equal(2, store:channel "new")
  end)

  it("equals a plain table after thousands of names", function()
    store:done()
    store = support.new(0, 100)
    math.randomseed(7)
    local open = {} -- name → row
    local by_row, count = {}, 0
    for step = 1, 20000 do
      local name = "c" .. math.random(300)
      if open[name] then
        if math.random(2) == 1 then
          store:close_channel(open[name])
          by_row[open[name]], open[name], count = nil, nil, count - 1
        else
          assert.equal(open[name], store:channel(name))
        end
      else
        local number = store:channel(name)
        if number >= 0 then
          assert.is_nil(by_row[number])
          open[name], by_row[number], count = number, name, count + 1
        else
          assert.equal(100, count)
        end
      end
      if step % 4000 == 0 then store:next_writer() end
    end
    assert.is_true(count > 50)
    for name, number in pairs(open) do assert.equal(number, store:channel(name)) end
  end)
end)
