-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/kafka/places.h"

ffi.cdef [[ int memfd_create(const char *, unsigned); int close(int); ]]

local function text(string)
  return ffi.new("struct text", string, #string)
end

describe("the places of sources", function()
  local fd, why, places

  local function open()
    local one = ffi.new "struct places"
    assert.equal(0, lib.places_open(one, fd, why))
    return one
  end

  before_each(function()
    fd = ffi.C.memfd_create("places", 0)
    why = ffi.new "char[256]"
    assert.equal(0, lib.places_create(fd, why))
    places = open()
  end)

  after_each(function()
    lib.places_close(places)
    ffi.C.close(fd)
  end)

  -- As the brain that comes after a death.
  local function die(next_seq)
    lib.places_close(places)
    places = open()
    lib.places_settle(places, next_seq or 1)
  end

  local function claim(name) return lib.places_claim(places, text(name)) end

  local function place(name, partition) return lib.places_of(places, claim(name), partition) end

  it("are there for the next brain", function()
    assert.equal(-1, tonumber(place("a", 0).next))
    place("a", 0).next = 5
    place("a", 7).next = 6
    place("b", 7).next = 9
    die()
    assert.equal(5, tonumber(place("a", 0).next))
    assert.equal(6, tonumber(place("a", 7).next))
    assert.equal(9, tonumber(place("b", 7).next))
  end)

  -- Three records of two partitions go into a journal whose next seq is 10.
  local function append()
    local touched = ffi.new("struct place *[2]", place("a", 0), place("a", 1))
    touched[0].next, touched[1].next = 100, 200
    touched[0].pending, touched[1].pending = 102, 201
    lib.places_begin(claim "a", 13)
    return touched
  end

  local function both() return tonumber(place("a", 0).next), tonumber(place("a", 1).next) end

  it("move with an append", function()
    local touched = append()
    lib.places_end(claim "a", touched, 2, true)
    assert.same({ 102, 201 }, { both() })
    die(13)
    assert.same({ 102, 201 }, { both() })
  end)

  it("stay without it", function()
    local touched = append()
    lib.places_end(claim "a", touched, 2, false)
    assert.same({ 100, 200 }, { both() })
    die(13) -- another's append
    assert.same({ 100, 200 }, { both() })
  end)

  it("follow the journal if the brain died before it could say", function()
    append()
    die(10)
    assert.same({ 100, 200 }, { both() })
    append()
    die(13)
    assert.same({ 102, 201 }, { both() })
    die(20)
    assert.same({ 102, 201 }, { both() })
  end)

  it("do not count what was not yet announced", function()
    local touched = append()
    claim("a").pending_seq = 0
    touched[0].pending = 150
    die(20)
    assert.same({ 100, 200 }, { both() })
    assert.equal(-1, tonumber(place("a", 0).pending))
  end)

  it("give way when all rows are used, if nobody claims them", function()
    for i = 1, lib.PLACES_ROWS_MAX do place("topic " .. i, 0).next = i end
    assert.is_true(claim "one more" == nil)
    die()
    place("topic 1", 0)
    assert.equal(-1, tonumber(place("one more", 0).next))
    assert.equal(1, tonumber(place("topic 1", 0).next))
    assert.equal(3, tonumber(place("topic 3", 0).next))
  end)

  it("run out", function()
    local row = claim "many"
    for i = 0, lib.PLACES_CELLS_MAX - 1 do assert(lib.places_of(places, row, i) ~= nil) end
    assert.is_true(lib.places_of(places, row, lib.PLACES_CELLS_MAX) == nil)
  end)

  it("are those of this version", function()
    local other = ffi.C.memfd_create("other", 0)
    assert.is_true(lib.places_open(ffi.new "struct places", other, why) < 0)
    assert.truthy(ffi.string(why):find "places of the sources")
    ffi.C.close(other)
  end)
end)
