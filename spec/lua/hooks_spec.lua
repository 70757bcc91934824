-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local CONFIG = [==[
listen "127.0.0.1:3000"
local a, b = channel "a" {}, channel "b" {}
route "GET /ab" { stream = { a, b } }
route "GET /b" { stream = b }
task(function() a:publish(1) b:publish(1) end)
]==]

local function logged(s)
  local text = s.core:log_text()
  s.core.logged = {}
  return text
end

describe("hooks", function()
  it("are told of streams, once per stream", function()
    local s = support.run(CONFIG .. [==[
on("subscribe", function(client)
  log.info("in", { id = client.id, route = client.route, n = #client.channels })
end)
on("unsubscribe", function(client, ended)
  log.info("out", { id = client.id, reason = ended.reason })
end)
on("occupied", function(channel) log.info("occupied " .. channel.name) end)
on("vacant", function(channel) log.info("vacant " .. channel.name) end)
]==])
    assert.is_true(s.ask("GET /ab").tell)
    s.core.listening = { 1, 1 }
    s.core:push("opened", { ticket = 1, channels = { 1, 2 } })
    s.pump()
    assert.are.equal('in id=1 n=2 route="GET /ab"\noccupied a\noccupied b',
      logged(s))
    s.core.listening = { 1, 0 }
    s.core:push("closed", { ticket = 1, channels = { 1, 2 }, reason = "closed" })
    s.pump()
    assert.are.equal("out id=1 reason=closed\nvacant b", logged(s))
    assert.same({ {}, {} }, { s.server.told.open, s.server.told.fresh })
  end)

  it("are told of what a dead worker had", function()
    local s = support.run(CONFIG .. [==[
on("unsubscribe", function(client, ended)
  log.info("out", { id = client.id, reason = ended.reason, s = ended.seconds })
end)
on("vacant", function(channel) log.info("vacant " .. channel.name) end)
]==])
    s.core.listening = { 2, 2 }
    for _, ticket in ipairs { 1001, 2001 } do
      s.core:push("opened", { ticket = ticket, channels = { 1, 2 } })
    end
    s.pump()
    s.advance(3000)
    s.core.listening = { 0, 1 }
    s.core:push("lost", { worker = 1 })
    s.pump()
    assert.are.equal("out id=1001 reason=lost s=3\nvacant a", logged(s))
    s.core:push("closed", { ticket = 2001, channels = { 1, 2 }, reason = "x" })
    s.pump()
    assert.are.equal("out id=2001 reason=x s=0", logged(s))
  end)

  it("are told nothing of a move, and the move is remembered", function()
    local s = support.run(CONFIG .. [==[
on("subscribe", function(client) log.info("in " .. client.id) end)
on("unsubscribe", function(client, ended) log.info("out " .. client.id .. " " .. ended.reason) end)
]==])
    s.core.listening = { 2, 2 }
    for _, ticket in ipairs { 1001, 2001 } do
      s.core:push("opened", { ticket = ticket, channels = { 1 } })
    end
    s.pump()
    logged(s)
    s.core:push("moved", { ticket = 1001, worker = 2 })
    s.core:push("moved", { ticket = 1002, worker = 2 }) -- nobody wanted to know
    s.core:push("lost", { worker = 1 })
    s.pump()
    assert.are.equal("", logged(s))
    s.core:push("lost", { worker = 2 })
    s.pump()
    local lines = logged(s)
    assert.truthy(lines:find("out 1001 lost", 1, true))
    assert.truthy(lines:find("out 2001 lost", 1, true))
  end)

  it("of one channel tell only for it", function()
    local s = support.run(CONFIG
      .. 'a:on("subscribe", function() log.info "a" end)')
    assert.is_true(s.ask("GET /ab").tell)
    assert.is_false(s.ask("GET /b").tell)
  end)

  it("that throw are logged and stop nothing", function()
    local s = support.run(CONFIG .. [==[
a:on("publish", function(event) error "oops" end)
a:on("publish", function(event) log.info("told", event.data) end)
]==])
    local text = logged(s)
    assert.matches("oops", text)
    assert.matches("told 1", text)
    assert.matches('on "publish" %(.-config.lua:6%)', text)
  end)

  it("that run each other in a circle are stopped", function()
    local s = support.run(CONFIG
      .. 'b:on("publish", function(event) b:publish(event.data + 1) end)')
    assert.are.equal(18, #s.core.events)
    assert.matches("in a circle", logged(s))
  end)

  it("learn at go who listens already", function()
    local core = require("spec.lua.fake_core").new()
    core.listening = { 0, 4 }
    local s = support.run(CONFIG .. 'on("occupied", function(channel) '
      .. "log.info(channel.name) end)", nil, core)
    assert.are.equal("b", logged(s))
  end)

  it("of stop may wait; then the brain has stopped", function()
    local s = support.run(CONFIG .. 'on("stop", function() sleep "1s" end)\n'
      .. 'on("stop", function() error "no" end)')
    s.core:push("stop")
    s.pump()
    assert.is_nil(s.core.has_stopped)
    s.advance(1000)
    assert.is_true(s.core.has_stopped)
  end)
end)

describe("timers", function()
  local HEAD = 'listen "127.0.0.1:3000"\n'

  it("keep their rhythm and never overlap", function()
    local s = support.run(HEAD .. [==[
local n = 0
every("1s", function()
  n = n + 1
  log.info(n .. " at", now() % 100000)
  if n == 2 then sleep "2.5s" end
end)]==])
    s.advance(7000)
    assert.are.equal("1 at 1000\n2 at 2000\n3 at 5000\n4 at 6000\n5 at 7000",
      logged(s))
  end)

  it("go on after an error", function()
    local s = support.run(HEAD .. 'every("1s", function() error "oops" end)')
    s.advance(3000)
    assert.are.equal(3, s.server.counters.errors)
  end)

  it("run tasks again with back-off", function()
    local s = support.run(HEAD .. 'task(function() log.info("at", now() % 1e6) '
      .. 'error(later "1s") end)')
    s.advance(30000)
    local times = {}
    for at in logged(s):gmatch("at (%d+)") do times[#times + 1] = tonumber(at) end
    assert.same({ 0, 100, 300, 700, 1500, 3100, 6300, 12700, 22700 }, times)
  end)

  it("do not run before this brain is in charge", function()
    local s = support.run(HEAD .. 'task(function() log.info "ran" end)')
    assert.are.equal("ran", logged(s))
    local fresh = require "spec.lua.fake_core".new()
    local boot = require "stentor.boot"
    local folder = support.folder { ["config.lua"] = HEAD
      .. 'task(function() log.info "ran" end)' }
    local server = boot.load(fresh, folder .. "config.lua")
    support.remove(folder)
    assert.is_nil(boot.open(server))
    assert.are.equal("", fresh:log_text())
  end)
end)
