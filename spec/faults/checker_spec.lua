-- SPDX-License-Identifier: MIT
--- The checker, on histories made by hand: good ones pass, and each law is
-- broken once.
local checker = require "spec.faults.checker"
local payload = require "spec.faults.server.payload"
local random = require "spec.faults.random"

local function id(place, epoch)
  return ("%s-8000-8000-%012x"):format(epoch or "01234567-89ab", place)
end

-- A publish that was answered, of numbers first … at the given places.
local function publish(channel, first, places, at)
  local one = {
    publisher = "p", channel = channel, first = first, last = first + #places - 1,
    asked_at = at, answered_at = at + 1, ids = {},
  }
  for i, place in ipairs(places) do one.ids[i] = id(place) end
  return one
end

local function unanswered(channel, first, last, at)
  return { publisher = "p", channel = channel, first = first, last = last, asked_at = at }
end

local function event(channel, n, place)
  return { what = "event", id = id(place), text = payload.text(channel, "p", n) }
end

local function gap(from, to, here, reason)
  return {
    what = "gap", id = id(here),
    data = { from = id(from), to = id(to), reason = reason or "expired" },
  }
end

local function connect(at, place)
  return { what = "connect", at = at, id = place and id(place) }
end

local function open(at)
  return { what = "open", at = at }
end

-- Six events: 1, 2, 4, 6 on a and 3, 5 on b; a client of each and one of both,
-- which have stood at 0 since before.
local function history()
  local one = {
    publishes = {
      publish("a", 1, { 1, 2 }, 10), publish("b", 1, { 3 }, 20), publish("a", 3, { 4 }, 30),
      publish("b", 2, { 5 }, 40), publish("a", 4, { 6 }, 50),
    },
    clients = {
      {
        name = "of a", channels = { a = true }, position = id(0),
        log = { event("a", 1, 1), event("a", 2, 2), event("a", 3, 4), event("a", 4, 6) },
      },
      {
        name = "of b", channels = { b = true }, position = id(0),
        log = { event("b", 1, 3), event("b", 2, 5) },
      },
      {
        name = "of both", channels = { a = true, b = true }, position = id(0),
        log = {
          event("a", 1, 1), event("a", 2, 2), event("b", 1, 3), event("a", 3, 4),
          event("b", 2, 5), event("a", 4, 6),
        },
      },
    },
  }
  return one, one.clients[1].log, one.clients[3].log
end

local function laws(one)
  return checker.check(one).broken
end

describe("the checker", function()
  it("passes what is in order, and counts it", function()
    local report = checker.check((history()))
    assert.equal("", checker.text(report))
    assert.equal(6, report.events)
    assert.equal(12, report.deliveries)
    assert.equal(6, report.answered)
    assert.equal(0, report.unanswered)
  end)

  it("passes a client that goes on from its id", function()
    local one, log = history()
    table.insert(log, 3, { what = "close", cause = "cut" })
    table.insert(log, 4, connect(45, 2))
    table.insert(log, 5, { what = "later" })
    table.insert(log, 6, connect(46, 2))
    table.insert(log, 7, open(47))
    assert.same({}, laws(one))
  end)

  it("passes a loss that a gap tells, on coming back or in the stream", function()
    local one, log, both = history()
    log[2] = gap(1, 4, 5, "lagged")
    table.remove(log, 3)
    table.remove(both, 2)
    table.insert(both, 2, connect(60, 1))
    table.insert(both, 3, open(61))
    -- What the other channel has kept comes after it, older than the last lost.
    table.insert(both, 4, gap(1, 4, 2))
    table.remove(both, 6)
    local report = checker.check(one)
    assert.equal("", checker.text(report))
    assert.equal(2, report.gaps)
  end)

  it("passes an unanswered publish that is there once, in part, or not at all", function()
    local one, log, both = history()
    one.publishes[6] = unanswered("a", 5, 7, 60)
    one.publishes[7] = unanswered("a", 8, 8, 70)
    assert.same({}, laws(one))
    for _, each in ipairs { log, both } do
      each[#each + 1] = event("a", 5, 7)
      each[#each + 1] = event("a", 6, 8)
    end
    local report = checker.check(one)
    assert.equal("", checker.text(report))
    assert.equal(4, report.unanswered)
    assert.equal(8, report.events)
  end)

  it("passes a newcomer, who is owed what was asked for after its stream began", function()
    local one = history()
    one.clients[4] = {
      name = "new", channels = { a = true },
      log = { connect(22), open(25), event("a", 3, 4), { what = "position", id = id(5) },
        event("a", 4, 6) },
    }
    assert.same({}, laws(one))
    one.clients[4].log = { connect(35), open(45), event("a", 4, 6) }
    assert.same({}, laws(one))
    one.clients[4].log = { connect(35), open(45) }
    assert.same({ loss = 1 }, laws(one))
    one.clients[4].log = { connect(35), open(45), event("a", 3, 4), event("a", 4, 6) }
    assert.same({ resume = 1 }, laws(one))
  end)

  it("finds a loss: in the middle, at the end, on coming back", function()
    local one, log = history()
    table.remove(log, 3)
    assert.same({ loss = 1 }, laws(one))
    one, log = history()
    log[4] = nil
    assert.same({ loss = 1 }, laws(one))
    one, log = history()
    log[2] = connect(45, 1)
    table.insert(log, 3, open(46))
    assert.same({ loss = 1 }, laws(one))
    one, log = history()
    log[2] = { what = "position", id = id(3) }
    assert.same({ loss = 1 }, laws(one))
  end)

  it("finds what a gap does not cover, and gaps that are not so", function()
    local one, log = history()
    log[2] = gap(1, 2, 4)
    table.remove(log, 3)
    assert.same({ loss = 1 }, laws(one))
    one, log = history()
    table.insert(log, 3, gap(2, 3, 3)) -- 3 is not of its channel
    assert.same({ gap = 1 }, laws(one))
    one, log = history()
    table.insert(log, 3, gap(1, 2, 2)) -- from before its position, to what it had
    assert.same({ gap = 2 }, laws(one))
    one, log = history()
    table.insert(log, 3, gap(2, 4, 3)) -- and then 4 comes
    assert.same({ gap = 1 }, laws(one))
    one, log = history()
    log[3] = gap(2, 4, 4, "restarted")
    assert.same({ gap = 1 }, laws(one))
    one, log = history()
    log[1], log[2] = connect(60, 0), open(61)
    log[3] = gap(3, 4, 4) -- what lies before it was lost as well
    assert.same({ gap = 1, loss = 2 }, laws(one))
  end)

  it("lets who conflates miss what a later one of its key makes up for", function()
    local one, log = history()
    one.clients[1].conflates = true
    table.remove(log, 2)
    table.remove(log, 2)
    assert.same({}, laws(one))
    log[2] = nil
    assert.same({ loss = 3 }, laws(one))
    log[2] = gap(1, 6, 6, "lagged")
    assert.same({}, laws(one))
    log[2] = gap(4, 6, 6, "lagged") -- 2 and 4 were left out; the latest is told
    assert.same({}, laws(one))
  end)

  it("finds a duplicate, of one client's and of what was published", function()
    local one, log = history()
    table.insert(log, 3, event("a", 2, 2))
    assert.same({ duplicate = 1 }, laws(one))
    local both
    one, log, both = history()
    for _, each in ipairs { log, both } do each[#each + 1] = event("a", 4, 7) end
    assert.same({ twice = 2 }, laws(one))
  end)

  it("finds a wrong order, of one client's and of all", function()
    local one, log = history()
    log[2], log[3] = log[3], log[2]
    assert.same({ reorder = 1, loss = 1 }, laws(one))
    one, log = history()
    table.insert(log, 4, { what = "position", id = id(3) })
    assert.same({ reorder = 1 }, laws(one))
    one = history()
    one.publishes[4].asked_at, one.publishes[4].answered_at = 5, 6 -- 5 was first
    assert.same({ order = 3 }, laws(one))
    one = history()
    one.publishes[6] = unanswered("a", 5, 6, 60)
    for _, client in ipairs { one.clients[1], one.clients[3] } do
      client.log[#client.log + 1] = event("a", 6, 7) -- 5 is not there
    end
    assert.same({ order = 1 }, laws(one))
  end)

  it("finds what nobody published, what is mangled, and what is another channel's", function()
    local one, log = history()
    log[#log + 1] = event("a", 9, 9)
    assert.same({ phantom = 1 }, laws(one))
    one, log = history()
    log[2].text = log[2].text:sub(1, -2)
    assert.same({ mangled = 1 }, laws(one))
    one, log = history()
    table.insert(log, 3, event("b", 1, 3))
    assert.same({ stray = 1 }, laws(one))
  end)

  it("finds ids that are not the ones of the answers", function()
    local one, log = history()
    log[2] = event("a", 2, 3)
    assert.same({ id = 1, loss = 1, stray = 1 }, laws(one))
    one, log = history()
    log[2].id = id(2, "fedcba98-7654")
    assert.same({ id = 1, loss = 1 }, laws(one))
    one, log = history()
    log[2].id = "2"
    assert.same({ id = 1, loss = 1 }, laws(one))
  end)

  it("finds a stream that ended without a cause, and one that was refused", function()
    local one, log = history()
    table.insert(log, 3, { what = "close", at = 45 })
    table.insert(log, 4, connect(46, 2))
    table.insert(log, 5, { what = "refused", text = "status 503" })
    table.insert(log, 6, connect(47, 2))
    table.insert(log, 7, open(48))
    assert.same({ close = 1, refusal = 1 }, laws(one))
    one.publishes[1].wrong = "status 500"
    assert.same({ answer = 1, close = 1, refusal = 1 }, laws(one))
  end)

  it("says what it found", function()
    local one, log = history()
    table.remove(log, 3)
    assert.equal("loss: of a: p a 3 at 4, before 6", checker.text(checker.check(one)))
  end)
end)

describe("chance", function()
  it("is the same for the same seed, and spreads", function()
    local one, same, other = random.new(7), random.new(7), random.new(8)
    local differ, seen = 0, {}
    for _ = 1, 1000 do
      local n = one:between(1, 6)
      assert.equal(n, same:between(1, 6))
      if n ~= other:between(1, 6) then differ = differ + 1 end
      seen[n] = (seen[n] or 0) + 1
    end
    for n = 1, 6 do assert.is_true(seen[n] > 100) end
    assert.is_true(differ > 500)
    assert.equal(10, #random.new(1):shuffled { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 })
  end)
end)
