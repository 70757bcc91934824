-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/worker/audience.h"

describe("audience", function()
  local all

  before_each(function()
    all = ffi.new "struct audiences"
    lib.audiences_init(all, 1000)
  end)

  after_each(function() lib.audiences_done(all) end)

  local function wants(numbers, generation)
    local list = ffi.new("struct journal_want[?]", #numbers)
    for i, number in ipairs(numbers) do
      list[i - 1].channel = number
      list[i - 1].generation = generation or 1
      list[i - 1].from_seq = 77
    end
    return list, #numbers
  end

  local function join(numbers, chunked, generation)
    local list, count = wants(numbers, generation)
    return lib.audience_join(all, list, count, chunked ~= false)
  end

  local function followers(channel)
    local found, list = {}, all.by_channel + channel
    local link = list.next
    while link ~= list do
      local seat = ffi.cast("struct audience_seat *", link)
      found[#found + 1] = seat.audience
      link = link.next
    end
    return found
  end

  it("is one for all streams of the same channels and framing", function()
    local one = join { 3, 7 }
    assert.equal(one, join { 3, 7 })
    assert.equal(2, one.streams)
    local others = {
      join { 3 }, join({ 3, 7 }, false), join({ 3, 7 }, true, 2), join { 3, 7, 8 },
    }
    for _, other in ipairs(others) do assert.not_equal(one, other) end
    assert.equal(5, all.count)
    for _, other in ipairs(others) do lib.audience_leave(all, other) end
    lib.audience_leave(all, one)
    lib.audience_leave(all, one)
    assert.equal(0, all.count)
  end)

  it("wants its channels from any record on, whoever made it", function()
    local one = join { 5 }
    assert.equal(0, tonumber(one.wants[0].from_seq))
    lib.audience_leave(all, one)
  end)

  it("is found by each of its channels, until its last stream leaves", function()
    local one, two = join { 3, 7 }, join { 7, 9 }
    assert.same({ one }, followers(3))
    assert.same({ one, two }, followers(7))
    join { 3, 7 }
    lib.audience_leave(all, one)
    assert.same({ one, two }, followers(7))
    lib.audience_leave(all, one)
    assert.same({ two }, followers(7))
    lib.audience_leave(all, two)
    assert.same({}, followers(7))
  end)

  it("stays found while hundreds come and go", function()
    local made = {}
    for i = 0, 899 do made[i] = join { i, i + 1 } end
    assert.equal(900, all.count)
    for i = 0, 899, 2 do lib.audience_leave(all, made[i]) end
    for i = 1, 899, 2 do assert.equal(made[i], join { i, i + 1 }) end
    for i = 1, 899, 2 do
      lib.audience_leave(all, made[i])
      lib.audience_leave(all, made[i])
    end
    assert.equal(0, all.count)
  end)
end)
