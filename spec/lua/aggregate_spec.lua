-- SPDX-License-Identifier: MIT
local fake = require "spec.lua.fake_core"
local support = require "spec.lua.support"

local function config(body)
  return [[
listen "127.0.0.1:3000"
local events, others = channel "events" {}, channel "others" {}
local out = channel "out" {}
route "GET /events" { stream = { events, others, out } }
route "POST /:name" { respond = function(request)
  local to = request.params.name == "others" and others or events
  return 202, { id = to:publish(request.body) }
end }
every("1h", function() out:publish("") end)
]] .. body:gsub("^%s*", "")
end

describe("an aggregate", function()
  local one

  local function start(body, core)
    one = support.run(config(body), nil, core)
    return one
  end

  local function publish(data, channel)
    one.ask("POST /" .. (channel or "events"), { body = data })
  end

  local function value(key) return one.server.aggregates[1]:value(key) end

  local function counter(name) return one.server.aggregates[1].counters[name] end

  -- The same config in the next brain; the one before is just gone.
  local function restart(body) return start(body, one.core) end

  local all = [[
aggregate "all" { from = events, fold = { n = count(), s = sum "x", lo = min "x", hi = max "x",
  mean = avg "x", a = first "x", z = last "x",
  text = reduce(function(text, event) return text .. event.data.x .. ";" end, "") } }
]]

  it("folds", function()
    start(all)
    assert.same({ n = 0, s = 0, text = nil }, value())
    for _, x in ipairs { 3, -1, 7, 3 } do publish(('{"x":%d}'):format(x)) end
    assert.same({ n = 4, s = 12, lo = -1, hi = 7, mean = 3, a = 3, z = 3, text = "3;-1;7;3;" },
      value())
  end)

  it("counts values that are no numbers, and goes on", function()
    start [[aggregate "a" { from = events, fold = { n = count(), s = sum "x.y", m = max "x.y" } }]]
    for _, data in ipairs { '{"x":{"y":1}}', '{"x":{"y":"2"}}', '{"x":5}', "{}", "no json", "7",
      '{"x":{"y":true}}', '{"x":{"y":4}}' } do
      publish(data)
    end
    assert.same({ n = 8, s = 5, m = 4 }, value())
    assert.equal(12, counter "skipped")
  end)

  it("has an entry for each key, up to its bound", function()
    start [[aggregate "a" { from = events, by = "user", keys = 3, fold = { n = count() } }]]
    assert.same({}, value())
    for _, user in ipairs { '"a"', "1", "true", '"a"', '"late"', "null", "{}" } do
      publish(('{"user":%s}'):format(user))
    end
    assert.same({ a = { n = 2 }, ["1"] = { n = 1 }, ["true"] = { n = 1 } }, value())
    assert.same({ n = 2 }, value "a")
    assert.is_nil(value "late")
    assert.same({ 1, 2 }, { counter "keys_full", counter "unkeyed" })
    assert.matches("keys = 3 is reached", one.core:log_text(), 1, true)
  end)

  it("takes functions for where, by and folds", function()
    start [[aggregate "a" { from = events, where = function(event) return event.data.ok end,
      by = function(event) return event.channel.name .. #event.text end,
      fold = { s = sum(function(event) return event.data.x * 2 end) } }]]
    publish '{"ok":true,"x":1}'
    publish '{"ok":true,"x":4}'
    publish '{"ok":false,"x":4}'
    assert.same({ events17 = { s = 10 } }, value())
  end)

  it("leaves out a record at which a function throws, as a whole", function()
    start [[aggregate "a" { from = events, by = "k", fold = { n = count(),
      s = sum(function(event) return event.data.x.y end), z = last "x" } }]]
    publish '{"k":"a","x":{"y":1}}'
    publish '{"k":"b","x":7}'
    for _ = 1, 5 do publish '{"k":"a","x":8}' end
    publish '{"k":"a","x":{"y":2}}'
    assert.same({ a = { n = 2, s = 3, z = { y = 2 } } }, value())
    assert.equal(6, counter "failed")
    assert.matches('aggregate "a" .*config.lua:%d+.*attempt to index', one.core:log_text())
    local _, lines = one.core:log_text():gsub("attempt to index", "")
    assert.equal(1, lines) -- a second of silence after each
  end)

  it("cannot be made to wait", function()
    start [[aggregate "a" { from = events, fold = { n = count() },
      where = function() sleep "1s" return true end }]]
    publish "1"
    assert.same({ n = 0 }, value())
    assert.matches("what folds records may not wait", one.core:log_text())
  end)

  it("gives each key a start of its own", function()
    start [[aggregate "a" { from = events, by = "k", fold = {
      seen = reduce(function(list, event) list[#list + 1] = event.data.x return list end, {}) } }]]
    for i = 1, 4 do publish(('{"k":%d,"x":%d}'):format(i % 2, i)) end
    assert.same({ ["0"] = { seen = { 2, 4 } }, ["1"] = { seen = { 1, 3 } } }, value())
  end)

  it("reads several channels in the order of their events", function()
    start [[aggregate "a" { from = { others, events }, fold = { a = first "x", z = last "x",
      n = count() } }]]
    publish('{"x":1}', "events")
    publish('{"x":2}', "others")
    publish('{"x":3}', "events")
    assert.same({ a = 1, z = 3, n = 3 }, value())
  end)

  it("is published when it has changed, at most once every `every`", function()
    start [[aggregate "a" { from = events, every = "250ms", into = out, fold = { n = count() } }]]
    local function published()
      local list = {}
      for _, event in ipairs(one.core.events) do
        if event.number == 3 then list[#list + 1] = event.data end
      end
      return list
    end
    one.advance(1000)
    assert.same({}, published())
    for _ = 1, 3 do publish "{}" end
    one.advance(250)
    one.advance(1000)
    publish "{}"
    one.advance(250)
    assert.same({ '{"n":3}', '{"n":4}' }, published())
    publish "{}"
    one.core.fails.publish = { message = "the system refused", name = "ESYSTEM" }
    one.advance(250)
    one.core.fails.publish = nil
    one.advance(250)
    assert.same({ '{"n":3}', '{"n":4}', '{"n":5}' }, published())
    assert.matches('aggregate "a" .*cannot publish: the system refused', one.core:log_text())
  end)

  it("goes on where the brain before it was", function()
    start(all)
    publish '{"x":1}'
    one.advance(2000) -- kept
    publish '{"x":2}'
    publish '{"x":3}'
    value() -- read, but not kept
    restart(all)
    assert.same({ 3, 6, "1;2;3;" }, { value().n, value().s, value().text })
    assert.equal(3, counter "records")
  end)

  it("keeps its state when the brain stops in order", function()
    start(all)
    publish '{"x":1}'
    one.core:push "appended"
    one.pump()
    one.core:push "stop"
    one.pump()
    assert.is_true(one.core.has_stopped)
    one.core.journal.lost = #one.core.events -- so it can only be the kept state
    restart(all)
    assert.equal(1, value().n)
  end)

  it("leaves nothing behind of one that is no more", function()
    start(all)
    publish '{"x":1}'
    value()
    one.advance(2000)
    one.core.kept["keep/other"] = "theirs"
    restart [[aggregate "b" { from = events, fold = { n = count() } }]]
    value()
    one.advance(2000)
    assert.same({ "aggregate/b", "keep/other" }, (function()
      local names = one.core.keep_names()
      table.sort(names)
      return names
    end)())
  end)

  it("begins anew when its folds are others, with what the journal holds", function()
    start [[aggregate "a" { from = events, fold = { n = count() } }]]
    publish '{"x":1}'
    value()
    one.advance(2000)
    restart [[aggregate "a" { from = events, fold = { n = count(), s = sum "x" } }]]
    assert.same({ n = 1, s = 1 }, value())
    assert.matches("begins anew.*its folds are others now", one.core:log_text())
  end)

  it("begins anew when what was kept is spoiled", function()
    start(all)
    publish '{"x":1}'
    value()
    one.advance(2000)
    one.core.kept["aggregate/all"] = one.core.kept["aggregate/all"]:sub(1, -9)
    restart(all)
    assert.equal(1, value().n)
    assert.matches("ends too early", one.core:log_text())
  end)

  it("says what was overwritten before it was read", function()
    start(all)
    publish '{"x":1}'
    value()
    one.advance(2000)
    publish '{"x":2}'
    publish '{"x":3}'
    one.core.journal.lost = #one.core.events - 1
    assert.equal(2, value().n)
    assert.equal(1, counter "lost")
    assert.matches("were overwritten before they were read: they are missing in it",
      one.core:log_text())
  end)

  it("starts over in another journal, and says so", function()
    start(all)
    publish '{"x":1}'
    value()
    one.advance(2000)
    local core = fake.new()
    core.kept, core.journal.epoch = one.core.kept, 78
    start(all, core)
    publish '{"x":2}'
    assert.equal(2, value().n)
    assert.matches("the journal is another one", core:log_text())
  end)

  it("goes on when its state cannot be kept", function()
    start(all)
    one.core.fails.keep_packed = true
    publish '{"x":1}'
    value()
    one.advance(3000)
    assert.equal(1, value().n)
    assert.matches("its state cannot be kept.*: limits.kept is reached", one.core:log_text())
    assert.is_true(counter "refused" > 0)
  end)

  it("says that a value is no plain data", function()
    start [[aggregate "a" { from = events, fold = {
      z = last(function() return { print } end), e = last(function(event) return event end) } }]]
    publish "1"
    value()
    one.advance(2000)
    assert.equal(1, counter "skipped") -- the event is borrowed: it is no value
    assert.matches("no plain data is not kept", one.core:log_text())
  end)

  it("passes over a record at which the brain has died time and again", function()
    start [[aggregate "a" { from = events, fold = { n = count(), z = last "x" } }]]
    for x = 1, 20 do publish(('{"x":%d}'):format(x)) end
    one.core.died = { ["aggregate/a 0"] = 1, ["aggregate/a 7"] = 3, ["aggregate/a 8"] = 2 }
    restart [[aggregate "a" { from = events, fold = { n = count(), z = last "x",
      all = reduce(function(text, event) return text .. event.data.x .. " " end, "") } }]]
    assert.equal("1 2 3 4 5 6 8 9 10 11 12 13 14 15 16 17 18 19 20 ", value().all)
    assert.equal(1, one.core.passed_over)
    assert.matches("has died 3 times at one record %(aggregate/a, 7%): it is left out",
      one.core:log_text())
  end)

  it("is counted in the server's counters", function()
    start(all .. 'plugin "health" { path = "/" }')
    publish '{"x":"no"}'
    value()
    local text = one.ask("GET /").body
    assert.matches('"aggregate_records":1', text, 1, true)
    assert.matches('"aggregate_skipped":4', text, 1, true)
  end)
end)

describe("aggregates and a recomputation", function()
  local body = [[
aggregate "a" { from = { events, others }, by = "k", keys = 6,
  where = function(event) return event.data.x ~= 3 end,
  fold = { n = count(), s = sum "x", lo = min "x", hi = max "x", mean = avg "x", a = first "y.1",
    z = last "y.1", r = reduce(function(t, event) return (t * 31 + #event.text) % 65521 end, 7) } }
]]

  -- The same, from scratch.
  local function recompute(events)
    local keys, order = {}, 0
    for _, event in ipairs(events) do
      local data = event.value
      if data.x ~= 3 and data.k ~= nil then
        local key = tostring(data.k)
        local row = keys[key]
        if not row and order < 6 then
          order = order + 1
          row = { n = 0, s = 0, r = 7, sum = 0, numbers = 0 }
          keys[key] = row
        end
        if row then
          row.n = row.n + 1
          row.r = (row.r * 31 + #event.text) % 65521
          if type(data.x) == "number" then
            row.s, row.numbers = row.s + data.x, row.numbers + 1
            row.lo = row.lo and math.min(row.lo, data.x) or data.x
            row.hi = row.hi and math.max(row.hi, data.x) or data.x
            row.mean = row.s / row.numbers
          end
          local y = data.y and data.y[1]
          if row.a == nil then row.a = y end
          if y ~= nil then row.z = y end
        end
      end
    end
    for _, row in pairs(keys) do row.sum, row.numbers = nil, nil end
    return keys
  end

  local json = require "stentor.json"

  local function random_event()
    local data = { k = ({ "a", "b", 3, true, "e", "f", "g", "h" })[math.random(9)] }
    local dice = math.random(8)
    if dice <= 5 then data.x = math.random() * 1e6 - 5e5
    elseif dice == 6 then data.x = math.random(5)
    elseif dice == 7 then data.x = "text" end
    if math.random(3) == 1 then
      data.y = { ({ 1, "y", false, { z = 1 } })[math.random(4)] }
    end
    return data
  end

  it("agree, whenever the brain ends", function()
    math.randomseed(42)
    local restarts, kills = 0, 0
    for _ = 1, 10 do
      local core, events = fake.new(), {}
      local one = support.run(config(body), nil, core)
      for _ = 1, math.random(200) do
        local dice = math.random(20)
        if dice <= 14 then
          local data = random_event()
          local text = json.encode(data)
          core.publish(math.random(2), text, "", "", 0)
          events[#events + 1] = { value = data, text = text }
        elseif dice <= 16 then
          core:push "appended"
          one.pump()
        elseif dice == 17 then
          one.advance(math.random(1500))
        elseif dice == 18 then
          assert.same(recompute(events), one.server.aggregates[1]:value())
        else
          if dice == 19 then
            core:push "stop"
            one.pump()
            restarts = restarts + 1
          else
            kills = kills + 1
          end
          core.items, core.taken, core.due = {}, 0, nil
          one = support.run(config(body), nil, core)
        end
      end
      assert.same(recompute(events), one.server.aggregates[1]:value())
    end
    assert.is_true(restarts > 10 and kills > 10)
  end)
end)
