-- SPDX-License-Identifier: MIT
local support = require "spec.core.journal.support"
local units = require "spec.support.units"

local ffi = support.ffi
local lib = units.cdef "core/worker/portion.h"

describe("portion", function()
  local store, portion

  before_each(function()
    store = support.new(0, 4)
    for i = 0, 3 do store:channel("c" .. i) end
    portion = ffi.new "struct portion"
    lib.portion_init(portion)
  end)

  after_each(function()
    lib.portion_done(portion)
    store:done()
  end)

  local function head() return store.journal.header.head end

  -- Reads; the code, and the frames as one text.
  local function read(from, position, limit)
    local wants, count = support.wants(from)
    local code = lib.portion_read(portion, store.journal, wants, count, position or 0,
      limit or head())
    local frames = {}
    for i, record in ipairs(support.records(portion.records)) do frames[i] = record.frame end
    return code, table.concat(frames, " ")
  end

  -- Overwrites the one record that is held, where nobody looks for it.
  local function spoil()
    ffi.fill(store.journal.ring + 40, 1, ("!"):byte())
  end

  it("selects what is wanted", function()
    store:append(0, "a")
    store:append(1, "b")
    store:append(0, "c")
    assert.equal("a c", (select(2, read { [0] = 0 })))
    assert.equal("b", (select(2, read { [1] = 0 })))
    assert.equal("c", (select(2, read { [0] = 2 })))
    assert.equal("a b c", (select(2, read { [0] = 0, [1] = 0 })))
    assert.equal(head(), portion.next)
  end)

  it("is not read again for the next one who wants the same", function()
    store:append(0, "a")
    local code = read { [0] = 0 }
    spoil()
    local again, frames = read { [0] = 0 }
    assert.equal("a", frames)
    assert.equal(code, again)
  end)

  it("serves one who may read further, as far as it goes", function()
    store:append(0, "a")
    read { [0] = 0 }
    local before = portion.next
    store:append(0, "b")
    spoil()
    assert.equal("a", (select(2, read { [0] = 0 })))
    assert.equal(before, portion.next)
    assert.equal("b", (select(2, read({ [0] = 0 }, before))))
  end)

  it("is read anew for all others", function()
    store:append(0, "a")
    local middle = head()
    store:append(1, "b")
    local function anew(from, position, limit)
      read { [0] = 0, [1] = 0 }
      return (select(2, read(from, position, limit)))
    end
    assert.equal("a", anew { [0] = 0 })
    assert.equal("b", anew { [0] = 2, [1] = 0 })
    assert.equal("b", anew({ [0] = 0, [1] = 0 }, middle))
    assert.equal("a", anew({ [0] = 0, [1] = 0 }, 0, middle)) -- must not read so far
  end)

  it("is of nobody after it was overtaken", function()
    store:append(0, "a")
    read { [0] = 0 }
    local frame = ("x"):rep(100000)
    while store.journal.header.tail == 0 do store:append(1, frame) end
    assert.is_true(read { [1] = 0 } < 0)
    assert.equal(0, tonumber(portion.records.size))
    assert.is_true(read({ [1] = 0 }, store.journal.header.tail) > 0)
  end)

  it("still has for others what is overwritten by now", function()
    store:append(0, "a")
    local limit = head()
    read({ [0] = 0 }, 0, limit)
    local frame = ("x"):rep(100000)
    while store.journal.header.tail == 0 do store:append(1, frame) end
    assert.equal("a", (select(2, read({ [0] = 0 }, 0, limit))))
  end)
end)
