-- SPDX-License-Identifier: MIT
--- `lagging = "skip"`: who does not keep up is taken to the newest event, told
-- what it lost, and never gets anything twice, torn or out of order.
local cjson = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local streams = require "spec.integration.streams"

local burst = streams.burst
local gap_of = streams.gap_of
local seq_of = streams.seq_of
local one

local function counter(name)
  local status, _, body = one:request { path = "/health" }
  assert.equal(200, status)
  return cjson.decode(body).counters[name]
end

--- Starts a server whose ring holds far more than a client may lag behind.
local function start(change)
  one = streams.start(function(config)
    config = config:gsub('size = "1M"', 'size = "64M"') .. 'plugin "health" { path = "/health" }\n'
    return change and change(config) or config
  end)
end

--- A client whose system keeps little for it.
local function open(path, options)
  local client = streams.open(path, options)
  uv.recv_buffer_size(client.connection.socket, 262144)
  return client
end

--- From now on the client reads once each time it is resumed; the function
-- returned ends that.
local function trickle(client)
  local connection, trickles = client.connection, true
  local take = connection.on_bytes
  connection.on_bytes = function(bytes)
    if trickles then connection:pause() end
    take(bytes)
  end
  return function()
    trickles = false
    connection:resume()
  end
end

--- Events and gaps in turn: each gap begins at the event before it and ends at
-- the one before the next; between gaps nothing is missing. Returns the gaps.
local function assert_whole(events, first)
  local gaps, expected = {}, first
  for i, event in ipairs(events) do
    if event.event == "gap" then
      local gap = gap_of(event)
      gaps[#gaps + 1] = gap
      assert.equal("lagged", gap.reason)
      if i > 1 then assert.equal(events[i - 1].id, gap.from) end
      local after = events[i + 1]
      if after then
        assert.equal(seq_of(after.id) - 1, seq_of(gap.to))
        assert.equal(seq_of(after.id) - 1, seq_of(event.id))
      end
      expected = nil
    else
      local n = cjson.decode(event.data).n
      if expected then assert.equal(expected, n) end
      expected = n + 1
    end
  end
  return gaps
end

--- More than the buffers of both sockets hold.
local function burst_until_stuck()
  local total
  for _ = 1, 12 do total = burst("events", 100, 4000).n end
  return total
end

describe("a stream that skips", function()
  after_each(server.stop_all)

  it("goes on with the newest event, and others notice nothing", function()
    start()
    local slow, quick = open "/skip", open "/events"
    slow.connection:pause()
    local total = burst_until_stuck()
    assert.equal(total, #quick:wait(total))
    slow.connection:resume()
    eventually(function()
      local events = slow:events()
      local last = events[#events]
      return last and last.event ~= "gap" and cjson.decode(last.data).n == total
    end)
    local gaps = assert_whole(slow:events(), 1)
    assert.is_true(#gaps >= 1)
    -- It did not have to read megabytes of the past first.
    assert.is_true(#slow:events() < 500, #slow:events())
    assert.equal(#gaps, counter "skipped")
    assert.equal(0, counter "closed_lagged_bytes")
    -- In step again: what comes next is whole.
    total = burst("events", 50, 100).n
    eventually(function()
      local events = slow:events()
      return cjson.decode(events[#events].data).n == total
    end)
    assert.equal(#gaps, #assert_whole(slow:events(), 1))
  end)

  it("does so again and again", function()
    start()
    local slow = open("/skip-both")
    local total
    for round = 1, 2 do
      slow.connection:pause()
      total = burst_until_stuck()
      slow.connection:resume()
      eventually(function()
        local events = slow:events()
        local last = events[#events]
        return last and last.event ~= "gap" and cjson.decode(last.data).n == total
      end)
      assert.is_true(#assert_whole(slow:events(), 1) >= round)
    end
    assert.equal(total, cjson.decode(slow:events()[#slow:events()].data).n)
  end)

  it("while more is published than it ever takes", function()
    start()
    local slow = open("/skip-both", { version = "1.0" })
    local total
    local flow = trickle(slow)
    eventually(function()
      slow.connection:resume()
      total = burst("events", 100, 4000).n
      return counter "skipped" >= 3
    end)
    flow()
    eventually(function()
      local events = slow:events()
      local last = events[#events]
      return last and last.event ~= "gap" and cjson.decode(last.data).n == total
    end)
    assert.is_true(#assert_whole(slow:events(), 1) >= 3)
  end)

  it("is closed when its socket takes nothing at all for client_lag_time", function()
    start(function(config)
      return (config:gsub('client_lag = "256k"', 'client_lag = "256k", client_lag_time = "500ms"'))
    end)
    local slow = open "/skip"
    slow.connection:pause()
    burst_until_stuck()
    eventually(function() return one:log():find "ended lagged" end)
    assert.equal(1, counter "closed_lagged_time")
  end)
end)

describe("a stream that conflates", function()
  after_each(server.stop_all)

  --- As a client with a model of the state: for each key its last event.
  local function assert_state(events, keys, total)
    local state, before = {}, 0
    for _, event in ipairs(events) do
      if event.event ~= "gap" then
        local data = cjson.decode(event.data)
        assert.is_true(data.n > before) -- in order, nothing twice
        before, state[data.k] = data.n, data.n
      end
    end
    for n = total - keys + 1, total do assert.equal(n, state[n % keys]) end
  end

  local function all_of(client, total)
    eventually(function()
      local events = client:events()
      local last = events[#events]
      return last and last.event ~= "gap" and cjson.decode(last.data).n == total
    end)
    return client:events()
  end

  it("gets the latest of each key of what it missed, and goes on", function()
    start()
    local slow = open "/conflate"
    burst("state", 10, 100, 10)
    slow:wait(10)
    slow.connection:pause()
    local total
    for _ = 1, 16 do total = burst("state", 100, 4000, 10).n end
    slow.connection:resume()
    assert_state(all_of(slow, total), 10, total)
    assert.is_true(#slow:events() < total)
    assert.is_true(counter "conflated" >= total - #slow:events())
    assert.equal(0, counter "gaps")
    assert.equal(0, counter "closed_lagged_bytes")
    -- In step again: all events.
    local before = #slow:events()
    total = burst("state", 50, 100, 10).n
    assert_state(all_of(slow, total), 10, total)
    assert.equal(before + 50, #slow:events())
  end)

  it("does so while more and more keys change", function()
    start(function(config) return (config:gsub('client_lag = "256k"', 'client_lag = "128k"')) end)
    local slow = open("/conflate", { version = "1.0" })
    local total
    local flow = trickle(slow)
    eventually(function()
      slow.connection:resume()
      total = burst("state", 100, 4000, 50).n
      return counter "conflated" >= 500
    end)
    flow()
    assert_state(all_of(slow, total), 50, total)
  end)

  it("is told of a gap before what is too long to look through", function()
    start()
    local slow = open "/conflate"
    slow.connection:pause()
    local total
    for _ = 1, 16 do total = burst("state", 100, 4000, 10).n end
    for _ = 1, 8 do total = burst("state", 5000, 10, 10).n end
    slow.connection:resume()
    local events = all_of(slow, total)
    assert_state(events, 10, total)
    local gaps = 0
    for i, event in ipairs(events) do
      if event.event == "gap" then
        gaps = gaps + 1
        local gap = gap_of(event)
        assert.equal("lagged", gap.reason)
        assert.equal(events[i - 1].id, gap.from)
        assert.is_true(seq_of(gap.to) < seq_of(events[i + 1].id))
      end
    end
    assert.is_true(gaps >= 1)
  end)
end)

describe("any mixture of slow clients", function()
  after_each(server.stop_all)

  --- The numbers of `name`'s events in order, and whether each loss is told:
  -- a number is left out only behind a gap, or, conflated, with a later one of
  -- the same key.
  local function assert_told(client)
    local before = 0
    for i, event in ipairs(client:events()) do
      if event.event ~= "gap" then
        local n = cjson.decode(event.data).n
        assert.is_true(n > before)
        local told = i > 1 and client:events()[i - 1].event == "gap"
        if not told and not client.conflates and before > 0 then assert.equal(before + 1, n) end
        before = n
      end
    end
    return before
  end

  it("gets all, or is told what not, in order, and comes to the end", function()
    start(function(config) return (config:gsub('client_lag = "256k"', 'client_lag = "128k"')) end)
    local seed = tonumber(os.getenv "STENTOR_SEED") or os.time()
    math.randomseed(seed)
    local clients = {}
    for i, path in ipairs { "/skip", "/skip", "/conflate", "/conflate", "/skip", "/conflate" } do
      local client = open(path, { version = i % 2 == 0 and "1.0" or nil })
      client.conflates = path == "/conflate"
      client.flow = trickle(client)
      clients[i] = client
    end
    local totals = {}
    for _ = 1, 60 do
      for _, client in ipairs(clients) do
        if math.random() < 0.3 then client.connection:resume() end
      end
      local name = math.random() < 0.5 and "events" or "state"
      totals[name] = burst(name, math.random(100), math.random(6000), 7).n
    end
    for _, client in ipairs(clients) do client.flow() end
    for _, client in ipairs(clients) do
      local total = totals[client.conflates and "state" or "events"]
      local ok, why = pcall(eventually, function() return assert_told(client) == total end)
      assert(ok, ("seed %d: %s"):format(seed, tostring(why)))
    end
  end)
end)

describe("a route's own client_lag", function()
  after_each(server.stop_all)

  it("is narrower than the server's, for its streams alone", function()
    start(function(config) return (config:gsub('client_lag = "256k"', 'client_lag = "32M"')) end)
    local near, far = open "/near", open "/events"
    near.connection:pause()
    far.connection:pause()
    local total = burst_until_stuck()
    eventually(function() return one:log():find "ended lagged" end)
    assert.equal(1, counter "closed_lagged_bytes")
    far.connection:resume()
    assert.equal(total, #far:wait(total))
  end)
end)
