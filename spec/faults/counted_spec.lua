-- SPDX-License-Identifier: MIT
--- What an aggregate must have come to, on rounds made by hand.
local counted = require "spec.faults.counted"

-- Who knows of all events but those of the set `missing` of numbers.
local function knowing(missing)
  return { has = function(_, _, n) return not missing[n] end }
end

local function publish(publisher, first, last, channel)
  return { publisher = publisher, channel = channel or "a", first = first, last = last }
end

describe("what is counted", function()
  local one
  before_each(function()
    one = counted.new "a"
    one:add(knowing {}, { publish("p", 1, 3), publish("p", 1, 9, "b"), publish("q", 1, 1) })
    one:add(knowing { [5] = true }, { publish("p", 4, 5) })
  end)

  it("is each event once, over all rounds, of one channel", function()
    assert.same({}, one:judge { p = { count = 4, sum = 10 }, q = { count = 1, sum = 1 } })
  end)

  it("may have what nobody saw and nobody answered for", function()
    assert.same({}, one:judge { p = { count = 5, sum = 15 }, q = { count = 1, sum = 1 } })
  end)

  it("is not if one is left out, counted twice, or another's", function()
    local right = { count = 1, sum = 1 }
    assert.equal(1, #one:judge { p = { count = 3, sum = 6 }, q = right })
    assert.equal(1, #one:judge { p = { count = 4, sum = 16 }, q = right })
    assert.equal(1, #one:judge { p = { count = 6, sum = 18 }, q = right })
    assert.equal(1, #one:judge { p = { count = 4, sum = 10 } })
    assert.equal(1, #one:judge { p = { count = 4, sum = 10 }, q = right, r = right })
  end)
end)
