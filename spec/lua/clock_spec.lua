-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local clock = require "stentor.clock"
local fake = require "spec.lua.fake_core"

describe("the clock", function()
  local core, subject, order

  before_each(function()
    core, order = fake.new(), {}
    subject = clock.new(core)
  end)

  local function note(name) order[#order + 1] = name end

  local function advance(ms)
    local stop = core.time + ms
    while core.due and core.due <= stop do
      core.time, core.due = core.due, nil
      subject:run()
    end
    core.time = stop
  end

  it("runs what is due in order, equal times as they came", function()
    subject:after(30, note, "c")
    subject:after(10, note, "a")
    subject:after(20, note, "b1")
    subject:after(20, note, "b2")
    advance(20)
    assert.same({ "a", "b1", "b2" }, order)
    advance(10)
    assert.same({ "a", "b1", "b2", "c" }, order)
    assert.is_nil(core.due)
  end)

  it("sorts any mixture", function()
    math.randomseed(7)
    local times = {}
    for i = 1, 500 do
      times[i] = math.random(1000)
      subject:after(times[i], note, times[i])
    end
    advance(1000)
    table.sort(times)
    assert.same(times, order)
  end)

  it("lets what is added wait for the next turn", function()
    local runs = 0
    local function again()
      runs = runs + 1
      subject:after(0, again)
    end
    subject:after(0, again)
    subject:run()
    subject:run()
    assert.are.equal(2, runs)
  end)

  it("survives an error and keeps the rest", function()
    subject:after(1, error, "oops")
    subject:after(1, note, "after")
    core.time = core.time + 1
    assert.has_error(function() subject:run() end)
    subject:run()
    assert.same({ "after" }, order)
  end)
end)
