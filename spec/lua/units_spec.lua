-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local units = require "stentor.units"

describe("units", function()
  it("reads durations in seconds", function()
    for text, seconds in pairs { ["250ms"] = 0.25, ["15s"] = 15, ["1.5s"] = 1.5,
      ["10m"] = 600, ["1h"] = 3600, ["2d"] = 172800, ["7"] = 7 } do
      assert.are.equal(seconds, units.duration(text))
    end
    assert.are.equal(0.5, units.duration(0.5))
  end)

  it("reads sizes by 1024 and counts by 1000", function()
    assert.are.equal(65536, units.size("64k"))
    assert.are.equal(1048576, units.size("1M"))
    assert.are.equal(250000, units.count("250k"))
    assert.are.equal(12, units.count(12))
    assert.is_nil(units.count("1.5"))
  end)

  it("reads shares and rates", function()
    assert.are.equal(0.2, units.share("20%"))
    assert.are.equal(0.2, units.share(0.2))
    assert.are.equal(50, units.rate("50/s"))
    assert.are.equal(2, units.rate("120/m"))
    assert.is_nil(units.share("101%"))
    assert.is_nil(units.rate("50"))
  end)

  it("refuses all else", function()
    for _, value in ipairs { "", "s", "-1s", "1 s", "15sec", "1e3s", "0x10",
      -1, 0 / 0, 1 / 0, true, {} } do
      assert.is_nil(units.duration(value))
      assert.is_nil(units.size(value))
    end
  end)

  it("refuses at once what is far too long, as a client may send it", function()
    local began = os.clock()
    for _ = 1, 10 do
      assert.is_nil(units.duration(("1"):rep(100000) .. "!"))
    end
    assert.is_true(os.clock() - began < 1)
  end)
end)
