-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local LISTEN = 'listen "127.0.0.1:3000"\n'

local function log_of(s)
  local text = s.core:log_text()
  s.core.logged = {}
  return text
end

local function release(s, drain_ms)
  s.core:push("release", { ticket = drain_ms or 100 })
  s.pump()
end

local function resume(s)
  s.core.is_ready = nil
  s.core:push("resume")
  s.pump()
end

describe("a release", function()
  it("is at once where nothing runs, and stops all timers and tasks", function()
    local s = support.run(LISTEN .. [==[
every("1s", function() log.info "beat" end)
task(function() while true do log.info "round" sleep "300ms" end end)
task(function() error "again" end)
]==])
    s.advance(2000)
    assert.truthy(log_of(s):find "beat")
    release(s)
    assert.is_true(s.core.has_released)
    s.advance(60000)
    assert.are.equal("", log_of(s))
  end)

  it("waits for handlers and hooks, but not for tasks", function()
    local s = support.run(LISTEN .. [==[
local c = channel "c" {}
route "GET /c" { stream = c }
c:on("publish", function() sleep "80ms" log.info "hook" end)
route "GET /x" { respond = function() c:publish "x" sleep "50ms" return 200, "done" end }
task(function() while true do sleep "10ms" log.info "round" end end)
]==])
    local ticket = s.core:request "GET /x"
    s.pump()
    release(s)
    assert.is_nil(s.core.has_released)
    s.advance(60)
    assert.are.equal("done", s.core.answers[ticket].body)
    assert.is_nil(s.core.has_released)
    s.advance(40)
    assert.is_true(s.core.has_released)
    assert.are.equal("hook", log_of(s))
  end)

  it("does not wait for ever, and what was under way goes on only if it must", function()
    local s = support.run(LISTEN .. [==[
route "GET /x" { respond = function() sleep "1h" return 200, "done" end }
every("1s", function() log.info "beat" end)
task(function() while true do sleep "10ms" end end)
task(function() error "again" end)
]==])
    local ticket = s.core:request "GET /x"
    s.pump()
    s.core.logged = {}
    release(s, 100)
    s.advance(99)
    assert.is_nil(s.core.has_released)
    s.advance(10)
    assert.is_true(s.core.has_released)
    assert.truthy(log_of(s):find "1 handlers have not finished in time")
    s.advance(2 * 3600 * 1000)
    assert.is_nil(s.core.answers[ticket])
    assert.are.equal("", log_of(s))
    resume(s)
    assert.is_true(s.core.is_ready)
    assert.are.equal("done", s.core.answers[ticket].body)
    s.advance(1000)
    local text = log_of(s)
    assert.truthy(text:find "beat")
    assert.truthy(text:find "again")
  end)

  it("is given up when the server stops meanwhile: the stop hooks run to their end", function()
    for _, handler in ipairs { "200ms", "1h" } do
      local s = support.run(LISTEN .. ([==[
route "GET /x" { respond = function() sleep "%s" return 200 end }
on("stop", function() sleep "500ms" log.info "hook" end)
]==]):format(handler))
      s.core:request "GET /x"
      s.pump()
      release(s, handler == "1h" and 10 or 1000)
      s.advance(50) -- it waits for the handler, or has let go
      s.core.logged = {}
      s.core:push "stop"
      s.pump()
      s.advance(600)
      assert.is_true(s.core.has_stopped)
      assert.truthy(log_of(s):find "hook")
      assert.are.equal("stopping", s.server.phase)
    end
  end)

  it("pauses and resumes what asked for it", function()
    local s = support.run(LISTEN)
    local told = {}
    s.server:add_pausable { pause = function() told[#told + 1] = "pause" end,
      resume = function() told[#told + 1] = "resume" end }
    s.server:add_pausable { pause = function() error "x" end, resume = function() end }
    release(s)
    resume(s)
    assert.same({ "pause", "resume" }, told)
    assert.are.equal(1, s.server.counters.errors)
  end)
end)

describe("what is kept", function()
  local CONFIG = LISTEN .. [==[
local state = keep "state" { n = 0 }
route "GET /n" { respond = function() state.n = state.n + 1 return 200, tostring(state.n) end }
]==]

  -- The brain after `s`, on the same shelf.
  local function next_brain(s, text, handed_over)
    local core = support.fake.new()
    for _, name in ipairs { "keep_put", "keep_get", "keep_remove", "keep_names" } do
      core[name] = s.core[name]
    end
    core.was_handed_over = handed_over
    return support.run(text, nil, core)
  end

  it("is the next one's after a release, and nobody's after a death", function()
    local s = support.run(CONFIG)
    s.ask "GET /n"
    assert.are.equal("2", s.ask("GET /n").body)
    release(s)
    local after = next_brain(s, CONFIG, true)
    assert.are.equal("3", after.ask("GET /n").body)
    assert.same({}, after.core.keep_names())
    release(after)
    assert.are.equal("1", next_brain(after, CONFIG, false).ask("GET /n").body)
  end)

  it("has the plugin's name before it", function()
    local plugin = [==[
return { setup = function(server)
  local state = server:keep("state", { n = 0 })
  server:route("GET /" .. server.name, { respond = function()
    state.n = state.n + 1
    return 200, tostring(state.n)
  end })
end }
]==]
    local s = support.run(LISTEN .. 'plugin "p" {} plugin "p" { as = "q" }',
      { ["plugins/p.lua"] = plugin })
    s.ask "GET /p"
    assert.are.equal("2", s.ask("GET /p").body)
    assert.are.equal("1", s.ask("GET /q").body)
  end)

  local rows = {
    { 'keep "x" { f = print }', 'keep "x": it.f is a function, which cannot be kept' },
    { 'keep "x" { a = { setmetatable({}, {}) } }',
      'keep "x": it.a[1] is an object, which cannot be kept' },
    { 'keep "x" { [{}] = 1 }', 'keep "x": it has a table as a key, which cannot be kept' },
    { 'local t = {} t.t = t keep "x"(t)', "lies too deep" },
    { 'keep "x" {} keep "x" {}', 'keep "x": is declared twice' },
    { 'keep "x"', 'keep "x": its table is missing' },
    { 'keep { a = 1 }', 'keep: expected a name, as in keep "name" {}' },
  }
  for _, row in ipairs(rows) do
    it("is checked: " .. row[1], function()
      local errors = support.errors(LISTEN .. row[1])
      assert.truthy(errors and errors:find(row[2], 1, true), errors)
    end)
  end
end)

describe("the status", function()
  it("has the parts of all that have something to say", function()
    local s = support.run(LISTEN .. 'route "GET /" { respond = function() return 204 end }')
    s.server:on_status("kafka", function()
      return { brokers = "b:9092", sinks = { x = { waiting = 3 } }, empty = {} }
    end)
    s.server:on_status("broken", function() error("no", 0) end)
    s.core:push("status", { ticket = 0 })
    s.pump()
    assert.truthy(s.core.said:find "^scripts\n")
    assert.truthy(s.core.said:find "\n  routes +1\n")
    assert.truthy(s.core.said:find "\nkafka\n  brokers +b:9092\n  sinks\n    x\n      waiting +3\n")
    assert.truthy(s.core.said:find "\nbroken\n  error +no\n$")
    s.core:push("status", { ticket = 1 })
    s.pump()
    local json = require "stentor.json"
    assert.are.equal(3, json.decode(s.core.said).kafka.sinks.x.waiting)
    assert.are.equal(1, json.decode(s.core.said).scripts.routes)
  end)
end)

describe("channels of a config before", function()
  it("are withdrawn, but not a family's members", function()
    local core = support.fake.new()
    core.there = { "", "old", "rooms/1", "other/1" }
    core.listening = { [3] = 1 }
    local s = support.run(LISTEN .. 'local r = channel "rooms/:id" {}\n'
      .. 'route "GET /:id" { stream = function(q) return r(q.params.id) end }', nil, core)
    assert.same({ 1, 3 }, s.core.removed)
    assert.truthy(log_of(s):find("2 channels are no longer in the config, their streams end: "
      .. "old, other/1", 1, true))
  end)
end)
