-- SPDX-License-Identifier: MIT
--- The short fault runs: the real server under random faults; the brain killed
-- between any two of its steps; and the checker against servers that are wrong.
-- STENTOR_SEED=n repeats a run.
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local checker = require "spec.faults.checker"
local order = require "spec.faults.order"
local random = require "spec.faults.random"
local schedule = require "spec.faults.schedule"
local world = require "spec.faults.world"

local seed = tonumber(os.getenv "STENTOR_SEED") or random.seed()
local hurt_binary = server.binary .. "-faults"

local SERVERS = 4 -- at a time
local STEPS_OF_ONE = 3 -- points at which the processes of one server die

-- Throws with all that is needed to see what happened.
local function insist(one, report)
  if not next(report.broken) then return end
  error(("%s\n\nSTENTOR_SEED=%d repeats it. What was done:\n%s\n\nThe server's log:\n%s"):format(
    checker.text(report), seed, table.concat(one.injected, "\n"), one.server:log():sub(-4000)), 0)
end

describe("under faults of seed " .. seed, function()
  after_each(function()
    world.stop_all()
    server.stop_all()
  end)

  it("nothing is lost, doubled or out of order", function()
    local one = world.open { seed = seed, npm = true }
    one:begin()
    one:play(schedule.make(seed, 10, {
      kill_brain = 1, hang = 1, kill_worker = 1, kill_two = 1, change_workers = 2,
      reload_good = 2, reload_bad = 2, drain = 1,
      freeze_brain = 1, freeze_worker = 1, stop_reading = 3, cut = 3, stay_away = 3,
      storm = 2, cut_publisher = 2, newcomer = 2,
    }))
    one:settle()
    local report = one:judge()
    insist(one, report)
    assert.is_true(report.events > 300)
    assert.is_true(report.deliveries > report.events)
    assert.is_true(report.opens >= 12 * 3) -- two storms
    one:close()
  end)

  -- Servers side by side, each with some of the points at which its processes are
  -- to die: one whose brain dies often is started again ever more slowly.
  local function open_to_die(steps, source)
    local worlds = {}
    for i, due in ipairs(steps) do
      local one = world.open {
        seed = source:between(1, 1e9), readers = 6, publishers = 2, hurts = true,
        binary = hurt_binary, pause_ms = 100, workers = 4,
      }
      one.due, one.asked = due, 0
      one:begin()
      worlds[i] = one
    end
    return worlds
  end

  -- Where nobody has died yet, of the points asked for so far.
  local function missing(worlds, source)
    local list = {}
    for _, one in ipairs(worlds) do
      if one.deaths == one.asked and #one.due > 0 then
        one.asked = one.asked + 1
        one:arm(table.remove(one.due), source:between(1, 20))
      end
      if one.deaths < one.asked then list[#list + 1] = one.armed end
    end
    return list
  end

  local function let_die(worlds, source)
    local turns = 0
    eventually(function()
      turns = turns + 1
      for _, one in ipairs(worlds) do
        if turns % 100 == 0 and one.deaths < one.asked then one:press() end
      end
      local list = missing(worlds, source)
      return #list == 0 or error("nobody died at: " .. table.concat(list, ", "))
    end, 100)
    for _, one in ipairs(worlds) do one:calm() end
  end

  it("a process that dies between any two steps loses nothing", function()
    local source = random.new(seed)
    local steps = source:shuffled(order.steps())
    assert.is_true(#steps >= 25)
    local unanswered, at = 0, 1
    while at <= #steps do
      local wave = {}
      for i = 1, SERVERS do
        wave[i] = { unpack(steps, at, math.min(at + STEPS_OF_ONE - 1, #steps)) }
        at = at + STEPS_OF_ONE
      end
      local worlds = open_to_die(wave, source)
      let_die(worlds, source)
      for _, one in ipairs(worlds) do
        one:settle()
        local report = one:judge()
        insist(one, report)
        unanswered = unanswered + report.unanswered
        one:close()
      end
    end
    assert.is_true(unanswered > 0)
  end)

  it("the checker finds one event in 10,000 that is dropped, doubled or too early", function()
    local one = world.open {
      seed = seed, hurts = true, binary = hurt_binary, pause_ms = 0, small_events = true,
    }
    for how, law in pairs { drop = "loss", double = "duplicate", reorder = "reorder" } do
      local before = one.order:spoilt()
      one:begin()
      one.order:spoil(how)
      eventually(function() return one.order:spoilt() > before end)
      one.order:spoil(nil)
      one:settle()
      assert.is_true((one:judge().broken[law] or 0) > 0, how)
    end
    one:close()
  end)

  it("the build that can be hurt is not the one that people run", function()
    local function read(path)
      local file = assert(io.open(path, "rb"))
      local bytes = file:read "*a"
      file:close()
      return bytes
    end
    local hurt, real = read(hurt_binary), read(server.binary)
    for _, step in ipairs(order.steps()) do
      assert.truthy(hurt:find(step, 1, true), step)
      assert.is_nil(real:find(step, 1, true), step)
    end
    assert.is_nil(real:find("STENTOR_FAULT", 1, true))
  end)
end)

describe("a schedule", function()
  it("is the same for the same seed, and has each kind as often as asked for", function()
    local counts = { cut = 3, storm = 2, kill_brain = 1 }
    local one = schedule.make(5, 10, counts)
    assert.same(one, schedule.make(5, 10, counts))
    assert.are_not.same(one, schedule.make(6, 10, counts))
    local seen, before = {}, 0
    for _, fault in ipairs(one) do
      seen[fault.kind] = (seen[fault.kind] or 0) + 1
      assert.is_true(fault.at_ms >= before and fault.at_ms <= 10000)
      before = fault.at_ms
    end
    assert.same(counts, seen)
  end)
end)
