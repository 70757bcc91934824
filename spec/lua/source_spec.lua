-- SPDX-License-Identifier: MIT
-- Topics that are read: what configs may say, and what handlers are handed.
local support = require "spec.lua.support"
local fake = require "spec.lua.fake_sources"

local BEGIN = 'listen "127.0.0.1:3000"\nlocal bus = kafka { brokers = "a" }\n'

local function errors(text) return support.errors(BEGIN .. text) end

-- A server whose handler of topic "t" puts what it makes of records into seen.
local function run(body, options)
  local one = support.run(BEGIN .. ('bus:topic("t", { %s }):on("record", function(r)\n'):format(
    options or "") .. "local seen = require('spec.lua.seen').list\n" .. body .. "\nend)\n")
  return one
end

local seen = { list = {} }
package.loaded["spec.lua.seen"] = seen

describe("a topic that is read", function()
  before_each(function() seen.list = {} end)

  it("begins where its settings say", function()
    local one = run("", 'start = "-1h", group = "g"')
    local opened = one.core.sources[1]
    assert.same({ "t", "handlers", "g", "time" },
      { opened.topic, opened.reader, opened.group, opened.start })
    assert.equal(one.core.now() - 3600000, opened.start_ms)
    assert.equal("newest", run("").core.sources[1].start)
    assert.equal("oldest", run("", 'start = "oldest"').core.sources[1].start)
  end)

  it("hands records over in order, each done before the next", function()
    local one = run "seen[#seen + 1] = r.key .. r.data.n .. r.text .. r.offset .. r.headers.h"
    fake.give(one.core, 0, { { key = "a", text = '{"n":1}', headers = { h = "x" } },
      { key = "b", text = '{"n":2}', headers = { h = "y" } } })
    one.pump()
    assert.same({ 'a1{"n":1}0x', 'b2{"n":2}1y' }, seen.list)
    assert.same({ 0, 1 }, one.core.done)
    assert.equal(1, one.core.more)
  end)

  it("keeps a record for who keeps it", function()
    local one = run "seen[#seen + 1] = r"
    fake.give(one.core, 0, { { text = "[1]" }, { text = "[2]" } })
    one.pump()
    fake.give(one.core, 0, { { text = "[3]" } })
    one.pump()
    assert.same({ 1, 2, 3 }, { seen.list[1].data[1], seen.list[2].data[1], seen.list[3].data[1] })
  end)

  it("waits while a handler waits", function()
    local one = run 'sleep "1s"\nseen[#seen + 1] = r.text'
    fake.give(one.core, 0, { { text = "1" }, { text = "2" } })
    one.pump()
    assert.same({}, one.core.done)
    one.advance(1000)
    assert.same({ 0 }, one.core.done)
    one.advance(1000)
    assert.same({ "1", "2" }, seen.list)
    assert.equal(1, one.core.more)
  end)

  it("leaves the rest of a batch to who reads it now", function()
    local one = run "seen[#seen + 1] = r.text"
    one.core.taken_at = 1
    fake.give(one.core, 0, { { text = "1" }, { text = "2" }, { text = "3" } })
    one.pump()
    assert.same({ "1", "2" }, seen.list)
    assert.equal(1, one.core.more)
  end)

  it("looks again now and then, not at once, while too many handlers run", function()
    local one = support.run('limits { handlers = 1 }\n' .. BEGIN .. [==[
route "GET /x" { respond = function() sleep "1s" return 200 end }
bus:topic("t"):on("record", function() end)
]==])
    one.core:request "GET /x"
    fake.give(one.core, 0, { { text = "1" } })
    one.pump()
    assert.equal(0, one.core.more)
    one.advance(100)
    assert.equal(1, one.core.more)
  end)

  it("skips what is no JSON, counts what throws, and goes on", function()
    local one = run "if r.data.bad then error 'no' end\nseen[#seen + 1] = r.data.n"
    fake.give(one.core, 0, { { text = "{" }, { text = '{"bad":1}' }, { text = '{"n":3}' } })
    one.pump()
    assert.same({ 3 }, seen.list)
    assert.same({ 0, 1, 2 }, one.core.done)
    local source = one.server.buses[1]:status().consumer.topics.t[1]
    assert.same({ 1, 1, 2 }, { source.bad, source.failed, source.lag })
  end)

  it("takes any text where it is not JSON", function()
    local one = run("seen[#seen + 1] = r.data", 'decode = "text"')
    fake.give(one.core, 0, { { text = "{" }, {} })
    one.pump()
    assert.same({ "{" }, seen.list)
  end)

  it("goes to a consumer in batches, with a view", function()
    local text = BEGIN .. 'bus:topic("t"):feed(require("spec.lua.seen").consumer)\n'
    local told
    seen.consumer = { title = "c", positions = function() return { [0] = 7 } end,
      lost = function(_, why) told = why end,
      take = function(_, view, count)
        for i = 0, count - 1 do
          view.index = i
          local data = view.data
          seen.list[#seen.list + 1] = view.bad and "bad" or view.key .. data
        end
      end }
    local one = support.run(text)
    assert.same({ [0] = 7 }, one.core.sources[1].positions)
    assert.same({ "oldest", "c" }, { one.core.sources[1].start, one.core.sources[1].reader })
    fake.give(one.core, 0, { { key = "a", text = "1" }, { key = "b", text = "x" },
      { key = "c", text = "3" } }, "some were lost")
    one.pump()
    assert.same({ "a1", "bad", "c3" }, seen.list)
    assert.equal("some were lost", told)
    assert.same({ 2 }, one.core.done)
  end)

  it("feeds channels in C, unless Lua has to see the events", function()
    local one = support.run(BEGIN .. 'local plain = channel "p" { from = bus:topic "t" }\n'
      .. 'local last = channel "l" { from = bus:topic "t", latest = true }\n'
      .. 'route "GET /" { stream = { plain, last } }\n')
    assert.same({ [0] = { 1 } }, one.core.fed)
    assert.same({ "channels", "handlers" },
      { one.core.sources[1].reader, one.core.sources[2].reader })
    fake.give(one.core, 1, { { key = "k", text = "x", headers = { event = "e" } } })
    one.pump()
    local event = one.core.events[1]
    assert.same({ 2, "x", "e", "k" }, { event.number, event.data, event.name, event.key })
    for _, name in ipairs { "gap", "a\nb", "a\rb", "a\0b", ("e"):rep(1025) } do
      fake.give(one.core, 1, { { key = ("k"):rep(1025), text = "y",
        headers = { event = name } } })
      one.pump()
      event = table.remove(one.core.events)
      assert.same({ 2, "y", "", "" }, { event.number, event.data, event.name, event.key })
    end
  end)

  it("has one reader in a group, whose members share the partitions", function()
    local one = support.run(BEGIN .. 'local t = bus:topic("t", { group = "g" })\n'
      .. 'local plain = channel "p" { from = t }\nroute "GET /" { stream = plain }\n'
      .. 't:on("record", function() end)\n')
    assert.equal(1, #one.core.sources)
    assert.same({}, one.core.fed)
  end)

  it("says what is wrong, at its line", function()
    assert.equal('config.lua:3: topic "t": start: expected "newest", "oldest", or how long ago, '
      .. 'as in "-1h", got "1h"', errors 'bus:topic("t", { start = "1h" })')
    assert.equal('config.lua:3: topic "t": on: unknown event "recrod", did you mean "record"?',
      errors 'bus:topic("t"):on("recrod", function() end)')
    assert.equal('config.lua:3: topic "t": on "record": expected a function',
      errors 'bus:topic("t"):on("record", 5)')
    assert.equal('config.lua:3: channel "c/:id": from: a family cannot be fed by a topic: publish '
      .. 'to its members, as in topic:on("record", function(record) … end)',
      errors 'channel "c/:id" { from = bus:topic "t" }')
    assert.equal('config.lua:4: channel "c": into: it would feed itself: `from` is the same topic',
      errors 'local t = bus:topic "t"\nchannel "c" { from = t, into = t }')
  end)
end)
