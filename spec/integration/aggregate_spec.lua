-- SPDX-License-Identifier: MIT
--- Aggregates in the real server: their totals are those of all events, however
-- often the brain was killed on the way.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(1)
local events, out = channel "events" {}, channel "out" {}
local busy, burst = false, 0
local totals = aggregate "totals" { from = events, by = "k", every = "50ms", into = out,
  where = function(event) return event.data.x > 0.1 end,
  fold = { n = count(), s = sum "x", lo = min "x", hi = max "x", z = last "x",
    r = reduce(function(value, event) return (value * 31 + #event.text) % 65521 end, 7) } }
route "GET /events" { stream = events, since = "all" }
route "GET /out" { stream = out }
route "GET /totals" { respond = function() return 200, totals:value() end }
route "POST /busy/:yes" { respond = function(request)
  busy = request.params.yes == "yes"
  return 202, {}
end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
math.randomseed(now() % 100000)
every("5ms", function()
  if not busy then return end
  for _ = 1, 40 do
    events:publish { k = "k" .. math.random(20), x = math.random() }
  end
end)
plugin "health" { path = "/" }
]]

local one

local function ask(method, path, body)
  local status, _, text = one:request { method = method, path = path, body = body }
  assert.is_true(status == 200 or status == 202, text)
  return cjson.decode(text)
end

-- From what a client has received.
local function recompute(events)
  local keys = {}
  for _, event in ipairs(events) do
    local data = cjson.decode(event.data)
    if data.x > 0.1 then
      local row = keys[data.k]
      if not row then
        row = { n = 0, s = 0, lo = data.x, hi = data.x, r = 7 }
        keys[data.k] = row
      end
      row.n, row.s, row.z = row.n + 1, row.s + data.x, data.x
      row.lo, row.hi = math.min(row.lo, data.x), math.max(row.hi, data.x)
      row.r = (row.r * 31 + #event.data) % 65521
    end
  end
  return keys
end

local function kill_brain()
  one:replace_brain(function() ask("GET", "/") end)
end

local function kill_again_and_again(client, kills)
  for _ = 1, kills do
    local before = #client:events()
    ask("POST", "/busy/yes")
    eventually(function() return #client:events() > before + 500 end)
    kill_brain()
  end
  ask("POST", "/busy/no")
end

-- All has arrived, at the client and in the aggregate.
local function settle(client)
  local last = ask("POST", "/publish", '{"k":"end","x":1}').id
  eventually(function() return client:last_id() == last end)
end

describe("an aggregate", function()
  after_each(server.stop_all)

  it("gives the same totals as if the brain had never been killed", function()
    one = server.start(config)
    local client = sse.open { port = one.port, path = "/events" }
    kill_again_and_again(client, 5)
    settle(client)
    local events = client:events()
    assert.same(recompute(events), ask("GET", "/totals"))
    assert.equal(#events, ask("GET", "/").counters.aggregate_records)
    assert.equal(0, ask("GET", "/").counters.aggregate_lost)
  end)

  it("counts what a handler publishes in one go, be it more than the journal holds", function()
    one = server.start [[
      workers(1)
      journal { size = "1M" }
      limits { response = "64k", body = "64k", event = "128k" }
      local events = channel "events" {}
      local totals = aggregate "totals" { from = events, fold = { n = count(), s = sum "x" } }
      route "GET /events" { stream = events }
      route "GET /totals" { respond = function() return 200, totals:value() end }
      route "POST /burst" { respond = function()
        local filling = ("x"):rep(100000)
        for i = 1, 40 do events:publish { x = i, filling = filling } end
        return 202, {}
      end }
      plugin "health" { path = "/" }
    ]]
    for bursts = 1, 3 do
      ask("POST", "/burst")
      assert.same({ n = 40 * bursts, s = 820 * bursts }, ask("GET", "/totals"))
      kill_brain()
      assert.same({ n = 40 * bursts, s = 820 * bursts }, ask("GET", "/totals"))
    end
    assert.equal(0, ask("GET", "/").counters.aggregate_lost)
  end)

  it("gives the same totals over reloads, also over one that fails", function()
    one = server.start("supervise { brain_timeout = '500ms' }\n" .. config)
    local client = sse.open { port = one.port, path = "/events" }
    local good = one:config_text()
    local function reload(text, said)
      local before = #client:events()
      ask("POST", "/busy/yes")
      eventually(function() return #client:events() > before + 300 end)
      local run = one:reload(text)
      assert.matches(said, run.out .. run.err)
    end
    reload(good, "^reloaded")
    -- One that fails late: it is in charge already, and hangs.
    reload(good .. "\nevery('1ms', function() end) task(function() while true do end end)",
      "the new brain ended while starting")
    reload(good .. "\nraute {}", "unknown word")
    reload(good, "^reloaded")
    ask("POST", "/busy/no")
    settle(client)
    assert.same(recompute(client:events()), ask("GET", "/totals"))
    assert.equal(#client:events(), ask("GET", "/").counters.aggregate_records)
  end)

  it("keeps its state in time when the journal is small", function()
    one = server.start("journal { size = '1M' }\n" .. config)
    local client = sse.open { port = one.port, path = "/events" }
    kill_again_and_again(client, 2)
    ask("POST", "/busy/yes")
    eventually(function() return #client:events() > 20000 end)
    kill_brain()
    settle(client)
    assert.is_nil(client.connection.ended)
    assert.same(recompute(client:events()), ask("GET", "/totals"))
  end)

  it("leaves out the one record at which its function hangs", function()
    one = server.start [[
workers(1)
supervise { brain_timeout = "300ms" }
local events = channel "events" {}
local totals = aggregate "totals" { from = events, fold = { n = count(), z = last "x" },
  where = function(event)
    while event.data.hang do end
    return true
  end }
route "GET /events" { stream = events }
route "GET /totals" { respond = function() return 200, totals:value() end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]
    for i = 1, 5 do ask("POST", "/publish", ('{"x":%d}'):format(i)) end
    ask("POST", "/publish", '{"x":6,"hang":true}')
    eventually(function()
      local ok, totals = pcall(ask, "GET", "/totals")
      return ok and totals.n == 5 and one:log():find "it is left out"
    end)
    ask("POST", "/publish", '{"x":7}')
    assert.same({ n = 6, z = 7 }, ask("GET", "/totals"))
  end)

  it("sees events as they were published", function()
    one = server.start [[
local events, others = channel "events" {}, channel "others" {}
local seen = aggregate "seen" { from = { others, events }, fold = {
  all = reduce(function(list, event)
    list[#list + 1] = { text = event.text, event = event.event, id = event.id, key = event.key,
      channel = event.channel.name, data = event.data, timely = now() - event.time < 60000 }
    return list
  end, {}) } }
route "GET /events" { stream = { events, others } }
route "GET /seen" { respond = function() return 200, seen:value() end }
route "POST /publish" { respond = function()
  local ids = { events:publish("one\ntwo\r\n\nthree", { event = "poem", key = "k", retry = "5s" }),
    others:publish "", events:publish { n = 1 } }
  return 202, ids
end }
]]
    local ids = ask("POST", "/publish")
    local all = ask("GET", "/seen").all
    assert.same({
      { text = "one\ntwo\n\nthree", data = "one\ntwo\n\nthree", event = "poem", key = "k",
        id = ids[1], channel = "events", timely = true },
      { text = "", data = "", id = ids[2], channel = "others", timely = true },
      { text = '{"n":1}', data = { n = 1 }, id = ids[3], channel = "events", timely = true },
    }, all)
  end)

  it("is streamed to clients as it changes", function()
    one = server.start(config)
    local client = sse.open { port = one.port, path = "/out" }
    for i = 1, 3 do
      ask("POST", "/publish", ('{"k":"a","x":%d}'):format(i))
      assert.equal(i, cjson.decode(client:wait(i)[i].data).a.n)
    end
    kill_brain()
    ask("POST", "/publish", '{"k":"a","x":1}')
    eventually(function()
      local list = client:events()
      return cjson.decode(list[#list].data).a.n == 4
    end)
  end)
end)
