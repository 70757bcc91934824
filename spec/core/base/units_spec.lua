-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi

describe("units", function()
  local lib = units.cdef "core/base/units.h"

  local function parse_with(parse)
    return function(text)
      local value = ffi.new "uint64_t[1]"
      if parse(text, value) then return tonumber(value[0]) end
    end
  end

  local function check(parse, wanted, refused)
    for text, value in pairs(wanted) do assert.equal(value, parse(text), text) end
    for _, text in ipairs(refused) do assert.is_nil(parse(text), text) end
  end

  it("reads durations", function()
    check(parse_with(lib.units_parse_duration), {
      ["250ms"] = 250, ["15s"] = 15000, ["10m"] = 600000, ["1h"] = 3600000, ["2d"] = 172800000,
      ["7"] = 7000, ["1.5s"] = 1500, ["0"] = 0,
    }, { "", "s", "-1s", "1 s", "1w", "1ss", " 1s", "nan", "inf", "1M", "1e300s" })
  end)

  it("reads sizes", function()
    check(parse_with(lib.units_parse_size), {
      ["512"] = 512, ["64k"] = 65536, ["64K"] = 65536, ["1M"] = 1048576, ["2G"] = 2147483648,
      ["0.5k"] = 512,
    }, { "", "k", "-1", "1m", "1kb", "1T", "99999999G" })
  end)

  it("reads counts", function()
    check(parse_with(lib.units_parse_count), { ["250"] = 250, ["50k"] = 50000, ["1M"] = 1000000 },
      { "", "1G", "+1", "one" })
  end)

  it("reads shares", function()
    local function parse(text)
      local value = ffi.new "double[1]"
      if lib.units_parse_share(text, value) then return value[0] end
    end
    check(parse, { ["1%"] = 0.01, ["0.01"] = 0.01, ["100%"] = 1, ["1"] = 1, ["0"] = 0 },
      { "", "%", "-1%", "101%", "1.01" })
  end)
end)
