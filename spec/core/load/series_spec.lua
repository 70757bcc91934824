-- SPDX-License-Identifier: MIT
-- The samples behind the plots: bounded, however long the test.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/load/series.h"

describe("the load tester's series", function()
  local shared, series
  before_each(function()
    shared = ffi.gc(lib.load_shared_new(2), lib.load_shared_free)
    series = ffi.new "struct load_series"
    lib.load_series_init(series, 1000000)
  end)

  local function last() return series.rows[tonumber(series.count) - 1] end

  it("takes rates and percentiles of the time since the sample before", function()
    shared.tallies[0].events, shared.tallies[1].events = 100, 50
    shared.tallies[0].live, shared.tallies[1].live = 7, 8
    shared.tallies[1].latency.buckets[20] = 99
    shared.tallies[0].latency.buckets[40] = 1
    lib.load_series_take(series, shared, 1100000) -- too early
    assert.equal(1, tonumber(series.count))
    lib.load_series_take(series, shared, 1500000)
    assert.equal(2, tonumber(series.count))
    assert.equal(0.5, last().at_s)
    assert.equal(300, last().deliveries_per_s)
    assert.equal(15, last().live)
    assert.same({ 0.02, 0.02, 100 }, { last().p50_ms, last().p99_ms, last().latency_count })
    lib.load_series_take(series, shared, 2000000)
    assert.same({ 0, 0, 0 }, { last().deliveries_per_s, last().p99_ms, last().latency_count })
  end)

  it("keeps the peaks and the means when it halves itself", function()
    local now, published = 1000000, 0
    local function run(count)
      for i = 1, count do
        now = now + tonumber(series.interval_us)
        published = published + 10
        shared.published.accepted = published
        shared.tallies[0].latency.buckets[i % 2 == 0 and 50 or 20] =
          shared.tallies[0].latency.buckets[i % 2 == 0 and 50 or 20] + 1
        lib.load_series_take(series, shared, now)
      end
    end
    run(lib.SERIES_SAMPLES_MAX + 1)
    assert.equal(lib.SERIES_SAMPLES_MAX / 2 + 2, tonumber(series.count))
    assert.equal(2 * lib.SERIES_FIRST_INTERVAL_US, tonumber(series.interval_us))
    local before = -1
    for i = 0, tonumber(series.count) - 3 do
      local row = series.rows[i]
      assert.is_true(row.at_s > before)
      before = row.at_s
      assert.is_true(i == 0 or row.published_per_s == 40)
      assert.is_true(i == 0 or row.p99_ms == 0.05)
    end
    run(5000)
    assert.is_true(tonumber(series.count) <= lib.SERIES_SAMPLES_MAX)
  end)
end)
