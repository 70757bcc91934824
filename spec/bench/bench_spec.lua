-- SPDX-License-Identifier: MIT
--- The bench itself: what it makes of figures. That it measures is seen in one
-- small run; that the figures are good is for `./dev bench`.
local judge = require "spec.bench.judge"
local markdown = require "spec.bench.markdown"
local measure = require "spec.bench.measure"
local record = require "spec.bench.record"
local scenarios = require "spec.bench.scenarios"
local process = require "spec.support.process"
local server = require "spec.support.server"

local shown = { "stentor", "bare", "durable" }
local titles = { stentor = "Stentor", bare = "bare loop", durable = "durable-streams" }
local peers = {}
for name, title in pairs(titles) do peers[name] = { title = title } end

local function row(goals, better)
  return { what = "CPU", key = "cpu", better = better or "less", goals = goals,
           text = function(value) return value .. " µs" end }
end

local function goal_of(goal, figures, better)
  return judge.lines({ row({ goal }, better) }, figures, peers, shown, true)[1].goals[1]
end

describe("the bench", function()
  it("judges a figure by itself and by that of another", function()
    local figures = { stentor = { cpu = 6 }, bare = { cpu = 5 }, durable = { cpu = 8 } }
    assert.is_true(goal_of({ ceiling = 6, text = "≤ 6" }, figures).good)
    assert.is_false(goal_of({ ceiling = 5.9, text = "≤ 5.9" }, figures).good)
    assert.is_true(goal_of({ ceiling = 1.2, of = { "bare" } }, figures).good)
    assert.is_false(goal_of({ ceiling = 1.1, of = { "bare" } }, figures).good)
    assert.is_true(goal_of({ ceiling = 0.8, of = { "durable" } }, figures).good)
    -- The better of the two is the harder to beat.
    assert.is_false(goal_of({ ceiling = 1, of = { "bare", "durable" } }, figures).good)
    assert.is_true(goal_of({ floor = 0.7, of = { "bare", "durable" } }, figures, "more").good)
  end)

  it("judges nothing by one who is not there, and all of our own", function()
    local goal = { ceiling = 1, of = { "bare" } }
    assert.is_nil(goal_of(goal, { stentor = { cpu = 6 } }).good)
    assert.is_false(goal_of(goal, { bare = { cpu = 5 } }).good)
  end)

  it("holds it against us when not every event came", function()
    local check = { what = "every event", is_check = true }
    local figures = { stentor = { fault = "3 lost" }, bare = {} }
    local line = judge.lines({ check }, figures, peers, shown, false)[1]
    assert.is_false(line.good)
    assert.equal("3 lost", line.cells.stentor)
    assert.equal("all", line.cells.bare)
  end)

  it("takes the middle of the rounds, and every fault", function()
    local combined = measure.combine { { cpu = 9, report = "first" }, { cpu = 2, fault = "lost" },
                                       { cpu = 5 } }
    assert.same({ cpu = 5, report = "first", fault = "lost" }, combined)
    assert.equal(2, measure.middle { 9, 2 })
  end)

  it("makes one table of scenarios that ran on their own", function()
    local figures = { stentor = { cpu = 6 }, bare = { cpu = 5 } }
    local lines = judge.lines({ row { { ceiling = 1.05, of = { "bare" } } } }, figures, peers,
      { "stentor", "bare" }, true)
    local page = markdown.page {
      { title = "paced", about = "one at a time", date = "today", machine = "this", notes = {},
        titles = { stentor = "Stentor", bare = "bare loop" }, lines = lines },
      { title = "crowd", about = "many", date = "yesterday", machine = "this", notes = { "a" },
        titles = { stentor = "Stentor" }, lines = { { what = "x", cells = {}, goals = {} } } },
    }
    assert.is_truthy(page:find(
      "| **paced** | CPU | 6 µs | 5 µs (1.20) | ≤ 1.05 × bare loop | **no** |", 1, true), page)
    assert.is_truthy(page:find("| **crowd** | x | – | – |  |  |", 1, true), page)
    assert.is_truthy(page:find("* **crowd** (yesterday): many\n", 1, true), page)
    assert.is_truthy(page:find("Notes:\n\n* a\n", 1, true), page)
  end)

  it("sums up: what has a goal, and who did not deliver everything", function()
    local rows = { row(), row { { ceiling = 9, text = "≤ 9" } }, row(),
                   { what = "every event", is_check = true } }
    rows[3].what = "not in it"
    local function summary(fault)
      local figures = { stentor = { cpu = 6 }, bare = { cpu = 5, fault = fault } }
      return markdown.page({ { title = "paced", about = "", date = "", machine = "", notes = {},
                               titles = titles, lines = judge.lines(rows, figures, peers, shown,
                               true) } }, true)
    end
    assert.is_truthy(summary():find("| **paced** | CPU |", 1, true))
    assert.is_truthy(summary():find("|  | CPU | 6 µs | 5 µs (1.20) | – | ≤ 9 | yes |", 1, true))
    assert.is_nil(summary():find("not in it", 1, true))
    assert.is_nil(summary():find("every event", 1, true))
    assert.is_truthy(summary("3 lost"):find("|  | every event | all | 3 lost |", 1, true))
  end)

  it("finds its place in the README", function()
    local file = assert(io.open "README.md")
    local text = file:read "*a"
    file:close()
    local replaced = record.replace(text, "| figures |\n")
    assert.is_truthy(replaced:find("\n\n| figures |\n\n<!-- to here -->\n", 1, true))
    assert.equal(replaced, record.replace(replaced, "| figures |\n"))
    assert.has_error(function() record.replace("no marks", "x") end)
  end)

  it("has a line on each scenario", function()
    for _, name in ipairs(scenarios.order) do
      local scenario = scenarios.get(name)
      assert.equal("string", type(scenario.about), name)
      assert.equal("string", type(scenario.title), name)
      local size = setmetatable({}, { __index = function() return 1000 end })
      assert.is_true(#scenario.rows(size) > 0, name)
    end
  end)

  it("measures", function()
    local run = process.run("luajit", { "spec/bench/bench.lua", "--short", "--seconds=1",
      "--only=none", "--binary=" .. server.binary, "paced" })
    assert.equal(0, run.code, run.out .. run.err)
    assert.is_truthy(run.out:find "| paced | CPU a delivery, 1000 clients, 8 events/s | %d")
    assert.is_truthy(run.out:find("| paced | every event once, in order | all | all | yes |", 1,
      true), run.out)
  end)
end)
