-- SPDX-License-Identifier: MIT
--- A brain that hangs is noticed, named, killed and started again; streams
-- stay open meanwhile. A config that never ends loading is stopped.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
supervise { brain_timeout = "300ms" }
workers(1)
heartbeat { every = "100ms" }
local events = channel "events" {}
route "GET /events" { stream = events }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "GET /hello" { respond = function() return 200, "hello" end }
local function forever() local n = 0 while true do n = n + 1 end end
route "GET /hang" {
  respond = forever,
}
route "GET /busy" { respond = function()
  local till = now() + 60
  while now() < till do end
  return 200, "busy"
end }
route "GET /slow" { respond = function() sleep "1s" return 200, "slow" end }
route "GET /sleep-and-hang" { respond = function()
  sleep "10ms"
  forever()
end }
events:on("publish", function(event) if event.text == "hang" then forever() end end)
if env.HANG_IN_TIMER then every("100ms", forever) end
plugin "hanging" {}
]]

local plugin = [[
return { setup = function(server)
  server:route("GET /plugin", { respond = function() while true do end end })
end }
]]

local function start(env)
  return server.start { config = config, files = { ["plugins/hanging.lua"] = plugin }, env = env }
end

local function count(one, text)
  local times, at = 0, 1
  while true do
    local first, last = one:log():find(text, at, true)
    if not first then return times end
    times, at = times + 1, last + 1
  end
end

describe("a brain that hangs", function()
  after_each(server.stop_all)

  local one, client

  -- Sends the request that hangs it; waits until another brain is in charge.
  local function hang(request)
    local before = count(one, "in charge again")
    local connection = http.raw(one.port)
    connection:send(http.format(request))
    eventually(function() return count(one, "in charge again") > before end)
    return connection:response(request.method)
  end

  it("is killed, and the log says in which handler it was", function()
    one = start()
    client = sse.open { port = one.port, path = "/events" }
    local rows = {
      { request = { path = "/hang" }, named = 'in route "GET /hang" (config.lua:11)' },
      { request = { path = "/sleep-and-hang" },
        named = 'in route "GET /sleep-and-hang" (config.lua:20)' },
      { request = { path = "/plugin" },
        named = 'in plugin "hanging": route "GET /plugin" (' },
      { request = { method = "POST", path = "/publish", body = "hang" },
        named = 'in on "publish" (config.lua:24)' },
    }
    for _, row in ipairs(rows) do
      local beats = #client.comments
      local answer = hang(row.request)
      assert.equal(503, answer.status)
      assert.equal("outcome unknown\n", answer.body)
      assert.equal(1, count(one, "has hung for 0.3 s " .. row.named), one:log())
      assert.is_true(#client.comments > beats)
    end
    assert.truthy(one:log():find('"GET /plugin" %([^)]*plugins/hanging.lua:2%)'))
    assert.is_nil(client.connection.ended)
    assert.equal("hello", select(3, one:request { path = "/hello" }))
    assert.equal("hang", client:wait(1)[1].data)
  end)

  it("is one that is stopped, too, but not one that sleeps or waits", function()
    one = start()
    assert.equal("slow", select(3, one:request { path = "/slow" }))
    assert.equal(0, count(one, "has hung"))
    uv.kill(one:children("brain").pid, "sigstop")
    eventually(function() return count(one, "has hung for 0.3 s outside of any handler") == 1 end)
    assert.equal("hello", select(3, one:request { path = "/hello" }))
  end)

  it("is not one that many requests keep busy", function()
    one = start()
    local connections = {}
    for i = 1, 20 do
      connections[i] = http.raw(one.port)
      connections[i]:send(http.format { path = "/busy" })
    end
    for i = 1, 20 do assert.equal(200, connections[i]:response().status) end
    assert.equal(0, count(one, "has hung"))
  end)

  it("at every start is started ever more slowly, while streams stay", function()
    one = start { HANG_IN_TIMER = "1" }
    client = sse.open { port = one.port, path = "/events" }
    eventually(function() return count(one, "in every (config.lua:25)") >= 2 end)
    eventually(function() return count(one, "again in 0.2 s") == 1 end)
    local beats = #client.comments
    eventually(function() return #client.comments > beats + 2 end)
    assert.is_nil(client.connection.ended)
  end)
end)

describe("a config that never ends loading", function()
  after_each(server.stop_all)

  local loop = 'listen "127.0.0.1:1"\nsupervise { brain_timeout = "100ms" }\n'

  local function fails(arguments, text)
    local folder = server.make_folder { ["config.lua"] = text }
    local run = server.run(arguments, { cwd = folder })
    assert.equal(1, run.code)
    return run.err
  end

  for _, command in ipairs { "run", "check" } do
    it("is stopped where it stands: stentor " .. command, function()
      assert.truthy(fails({ command, "config.lua" }, loop .. "while true do end\n")
        :find "^config.lua:3: loading takes too long: an endless loop%?")
      assert.truthy(fails({ command, "config.lua" }, loop .. "local function f()\n"
        .. "  local n = 0\n  while true do n = n + 1 end\nend\nf()\n")
        :find "^config.lua:5: loading takes too long")
    end)
  end

  it("is ended also when it catches the error", function()
    assert.truthy(fails({ "check", "config.lua" }, loop
      .. "while true do pcall(function() while true do end end) end\n")
      :find "cannot be stopped: is there an endless loop%?")
  end)
end)
