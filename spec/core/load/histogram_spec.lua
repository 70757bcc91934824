-- SPDX-License-Identifier: MIT
-- The histogram against exact percentiles: never too low, at most 1.6 % too high.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/load/histogram.h"
local reading = require "spec.core.load.reading"

local steps, step_bits = lib.HISTOGRAM_STEPS, lib.HISTOGRAM_STEP_BITS

-- The bucket that load_histogram_limit describes, found by bisection.
local function bucket_of(value)
  local low, high = 0, lib.HISTOGRAM_BUCKETS - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(lib.load_histogram_limit(middle)) >= value then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function histogram_of(values)
  local histogram = ffi.new "struct histogram"
  for _, value in ipairs(values) do
    local bucket = bucket_of(value)
    histogram.buckets[bucket] = histogram.buckets[bucket] + 1
    histogram.count = histogram.count + 1
    if value > tonumber(histogram.max_us) then histogram.max_us = value end
  end
  return histogram
end

local function random_values(count, power)
  local values = {}
  for i = 1, count do values[i] = math.floor(10 ^ (math.random() * power)) end
  return values
end

describe("the histogram", function()
  it("has buckets that touch and grow", function()
    local before = -1
    for bucket = 0, lib.HISTOGRAM_BUCKETS - 1 do
      local limit = tonumber(lib.load_histogram_limit(bucket))
      assert.is_true(limit > before)
      assert.is_true(bucket < 2 * steps or (limit - before - 1) / (before + 1) <= 1 / steps)
      before = limit
    end
    assert.equal(2 ^ lib.HISTOGRAM_VALUE_BITS - 1, before)
    assert.equal(2 ^ step_bits, steps)
  end)

  it("agrees with exact percentiles within its error", function()
    math.randomseed(3)
    for _, power in ipairs { 1, 3, 5, 8 } do
      local values = random_values(5000, power)
      local histogram = histogram_of(values)
      table.sort(values)
      for _, share in ipairs { 0.01, 0.5, 0.95, 0.99, 0.999, 1 } do
        local exact = values[math.max(1, math.ceil(share * #values - 1e-6))]
        local told = tonumber(lib.load_histogram_value(histogram, share))
        assert.is_true(told >= exact, ("p%g: %d < %d"):format(share, told, exact))
        assert.is_true(told <= exact * (1 + 1 / steps) + 1)
      end
      assert.equal(values[#values], tonumber(lib.load_histogram_value(histogram, 1)))
    end
  end)

  it("merges into what all values together would have made", function()
    math.randomseed(4)
    local a, b = random_values(1000, 6), random_values(700, 3)
    local merged = histogram_of(a)
    lib.load_histogram_merge(merged, histogram_of(b))
    for _, value in ipairs(b) do a[#a + 1] = value end
    local whole = histogram_of(a)
    assert.equal(ffi.string(whole, ffi.sizeof(whole)), ffi.string(merged, ffi.sizeof(merged)))
  end)

  -- The function that adds is inlined into the reader, which measures latencies.
  it("is filled by the reader with the same buckets", function()
    math.randomseed(6)
    local one, values = reading.new(), random_values(2000, 9)
    for i, value in ipairs(values) do
      one:feed("data: " .. reading.payload(0, i, 1000) .. "\n\n", nil, 1000 + value)
    end
    local measured, expected = one.tally.latency, histogram_of(values)
    assert.equal(ffi.string(expected, ffi.sizeof(expected)),
      ffi.string(measured, ffi.sizeof(expected)))
    one:close()
  end)

  it("has nothing to say when it is empty", function()
    assert.equal(0, tonumber(lib.load_histogram_value(ffi.new "struct histogram", 0.99)))
  end)
end)
