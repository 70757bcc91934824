-- SPDX-License-Identifier: MIT
-- The command line of `stentor load`: every mistake is one clear line.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/load/options.h"

local function parse(...)
  local texts = { ... }
  local options = ffi.new "struct load_options"
  local arguments, kept = ffi.new("char *[?]", #texts + 1), {}
  for i, text in ipairs(texts) do
    kept[i] = ffi.new("char[?]", #text + 1, text)
    arguments[i - 1] = kept[i]
  end
  local why = ffi.new "char[256]"
  local result = lib.load_options_parse(options, #texts, arguments, why)
  options = ffi.gc(options, lib.load_options_done)
  if result ~= 0 then return nil, ffi.string(why) end
  return options, kept
end

local url = "http://127.0.0.1:1/"

local function threshold(options, name)
  local room = ffi.new "char[48]"
  for i = 0, tonumber(options.thresholds.count) - 1 do
    local row = options.thresholds.rows[i]
    if ffi.string(lib.load_threshold_name(row, room)) == name then return row end
  end
end

describe("the options of stentor load", function()
  it("have defaults", function()
    local options = parse(url)
    assert.equal(100, tonumber(options.connections))
    assert.equal(10000, tonumber(options.timeout_ms))
    assert.equal(0, options.slow)
    assert.is_false(options.resume)
    assert.near(0.95, threshold(options, "success").bound, 1e-9)
    assert.equal(500, threshold(options, "errors").bound)
    assert.equal(5e6, threshold(options, "first_byte_p95").bound)
    assert.equal(3e6, threshold(options, "first_event_p95").bound)
  end)

  it("are read with their units, in both spellings", function()
    local options = parse("--connections=50k", "--rate", "max", "--size", "2k", "--duration=1m",
      url, "--slow", "1%", "--reconnect=5s", "--resume", "--timeout", "250ms")
    assert.equal(50000, tonumber(options.connections))
    assert.equal(0, tonumber(options.rate))
    assert.equal(2048, tonumber(options.size))
    assert.equal(60000, tonumber(options.duration_ms))
    assert.equal(0.01, options.slow)
    assert.equal(5000, tonumber(options.reconnect_ms))
    assert.is_true(options.resume)
    assert.equal(500, tonumber(lib.load_options_slow_count(options)))
  end)

  it("round a share of slow clients up to one at least", function()
    local options = parse(url, "--connections", "30", "--slow", "1%")
    assert.equal(1, tonumber(lib.load_options_slow_count(options)))
    assert.equal(0, tonumber(lib.load_options_slow_count((parse(url)))))
  end)

  it("let thresholds be set anew and added", function()
    local options = parse(url, "--threshold", "success=100%", "--threshold=latency_p99=50ms",
      "--threshold=latency_p99=60ms", "--threshold", "deliveries_per_s=1M")
    assert.equal(1, threshold(options, "success").bound)
    assert.equal(60000, threshold(options, "latency_p99").bound)
    assert.equal(1e6, threshold(options, "deliveries_per_s").bound)
    assert.is_true(threshold(options, "latency_p99").is_given)
    assert.is_false(threshold(options, "errors").is_given)
  end)

  local function is_met(text, value)
    local name = text:match "^[^=]*"
    return lib.load_threshold_is_met(threshold(parse(url, "--threshold", text), name), value)
  end

  it("make a bound that must be passed, save all and nothing", function()
    assert.is_false(is_met("success=95%", 0.95))
    assert.is_true(is_met("success=95%", 0.951))
    assert.is_true(is_met("success=100%", 1))
    assert.is_false(is_met("success=100%", 0.999))
    assert.is_false(is_met("errors=500", 500))
    assert.is_true(is_met("errors=500", 499))
    assert.is_true(is_met("lost=0", 0))
    assert.is_false(is_met("lost=0", 1))
    assert.is_false(is_met("accepted=0", 0))
  end)

  local mistakes = {
    { "which URL" },
    { "unknown option: %-%-conections", url, "--conections", "5" },
    { "a second URL: http://b", url, "http://b" },
    { "needs a value: %-%-rate", url, "--rate" },
    { "takes no value: %-%-json", url, "--json=yes" },
    { "%-%-connections N: not understood: many", url, "--connections", "many" },
    { "%-%-connections N: not understood: 0: expected a number from 1 to 4000000$", url,
      "--connections", "0" },
    { "%-%-duration TIME: not understood: 5 parsecs", url, "--duration", "5 parsecs" },
    { "%-%-size BYTES: not understood: 3: expected bytes from %d+ to %d+$", url, "--size", "3" },
    { "%-%-header 'N: v': not understood: novalue", url, "--header", "novalue" },
    { "%-%-header 'N: v': not understood", url, "--header", "A: b\r\nC: d" },
    { "%-%-slow SHARE: not understood: 101%%: expected a share such as 1%%$", url,
      "--slow", "101%" },
    { "%-%-reconnect TIME: not understood: 5ms: expected a time from 100 ms to 86400 s, "
      .. "such as 10s$",
      url, "--reconnect", "5ms" },
    { "without %-%-reconnect or %-%-storm nobody comes back: %-%-resume", url, "--resume" },
    { "not together with %-%-reconnect: %-%-storm", url, "--storm=1s", "--reconnect=1s" },
    { "must come before %-%-duration is over: %-%-storm", url, "--storm=10s", "--duration=10s" },
    { "%-%-threshold speed=5: not NAME=VALUE", url, "--threshold", "speed=5" },
    { "%-%-threshold latency=5s: not NAME=VALUE", url, "--threshold", "latency=5s" },
    { "%-%-threshold latency_p98=5s: not NAME=VALUE", url, "--threshold", "latency_p98=5s" },
    { "%-%-threshold lost: not NAME=VALUE", url, "--threshold", "lost" },
    { "for example latency_p99=250ms", url, "--threshold", "latency_p99=fast" },
    { "for example success=95%%", url, "--threshold", "success=7" },
  }
  for _, mistake in ipairs(mistakes) do
    it("refuse: " .. table.concat(mistake, " ", 2):gsub("%c", " "), function()
      local options, why = parse(unpack(mistake, 2))
      assert.is_nil(options)
      assert.matches(mistake[1], why)
      assert.is_nil(why:find "\n")
    end)
  end
end)
