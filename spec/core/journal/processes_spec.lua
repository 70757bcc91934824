-- SPDX-License-Identifier: MIT
--- The journal between processes: programs in C, so that they race in earnest.
local support = require "spec.core.journal.support"

describe("journal between processes", function()
  it("never shows a torn record, and tells each loss", function()
    local met = support.run("fire", "check")
    assert.equal(0, met.torn)
    assert.equal(0, met.silent)
    assert.is_true(met.records > 1000)
    assert.is_true(met.overruns > 20)
  end)

  it("would show torn records to a reader that breaks the rule", function()
    assert.is_true(support.run("fire", "control").torn > 0)
  end)

  it("is sound whenever its writer dies", function()
    local met = support.run "kills"
    assert.equal(0, met.bad)
    assert.is_true(met.kills > 50)
    assert.is_true(met.records > 1000)
  end)

  it("wakes a sleeping reader for each of a million appends", function()
    local met = support.run "wakes"
    assert.equal(0, met.lost)
    assert.equal(1000000, met.read)
    assert.is_true(met.slept > 1000)
  end)

  it("would lose a wake-up without the fences", function()
    local lost = 0
    for _ = 1, 5 do -- most runs lose one within some thousand appends
      if lost == 0 then lost = support.run("wakes", "unfenced").lost end
    end
    assert.equal(1, lost)
  end)
end)
