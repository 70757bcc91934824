-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local HEAD = 'listen "127.0.0.1:3000"\nlocal e = channel "e" {}\n'
  .. "every(1, function() e:publish {} end)\n"

local function run(text) return support.run(HEAD .. text) end

describe("how streams are kept", function()
  it("is the server's own where nothing else is said", function()
    local self = run 'heartbeat "5s"\nroute "GET /e" { stream = e }'
    assert.is_nil(self.ask("GET /e").policy)
    assert.equal(5000, self.core.planned.heartbeat.every_ms)
  end)

  it("is a route's own in part", function()
    local self = run [[
route "GET /e" { stream = e, lagging = "skip", limits = { client_lag = "64k" } }
route "GET /f" { stream = e, heartbeat = { every = "2s", event = "beat", id = true } }
limits { client_lag_time = "9s" }
heartbeat "3s"
]]
    assert.same({ lagging = "skip", client_lag_bytes = 65536, client_lag_time_ms = 9000,
      heartbeat = { every_ms = 3000, frame = ":\n", jitter_percent = 20, idle_only = false,
        with_id = false } }, self.ask("GET /e").policy)
    local beat = self.ask("GET /f").policy.heartbeat
    assert.same({ 2000, "event: beat\ndata: \n\n", true },
      { beat.every_ms, beat.frame, beat.with_id })
    assert.equal(1024 ^ 2, self.ask("GET /f").policy.client_lag_bytes)
  end)

  it("may be asked of a function, once for each stream", function()
    local self = run [[
heartbeat(function(request)
  if request.query.quiet then return false end
  if request.headers["user-agent"] == "old" then
    return { every = "1s", text = "still here" }
  end
end)
route "GET /e" { stream = e }
route "GET /f" { stream = e, heartbeat = function(request)
  return request.query.every
end }
route "GET /g" { stream = e, heartbeat = "7s" }
]]
    assert.is_nil(self.ask("GET /e").policy)
    local old = { headers = { { "user-agent", "old" } } }
    local policy = self.ask("GET /e", old).policy
    assert.same({ 1000, ": still here\n" },
      { policy.heartbeat.every_ms, policy.heartbeat.frame })
    assert.equal(policy, self.ask("GET /e", old).policy)
    assert.equal(0, self.ask("GET /e?quiet").policy.heartbeat.every_ms)
    assert.equal(4000, self.ask("GET /f?every=4s").policy.heartbeat.every_ms)
    -- nil falls back: to the server's function, then to its default.
    assert.equal(1000, self.ask("GET /f", old).policy.heartbeat.every_ms)
    assert.is_nil(self.ask("GET /f").policy)
    assert.equal(7000, self.ask("GET /g?quiet").policy.heartbeat.every_ms)
  end)

  it("conflates only where there are keys", function()
    assert.equal('config.lua:5: route "GET /b": lagging: "conflate" keeps the latest event of '
      .. 'each key, but channel "e" has no `key`', support.errors(HEAD .. [[
local k = channel "k" { key = "id" }
route "GET /b" { stream = { k, e }, lagging = "conflate" }
every(1, function() k:publish {} end)
]]))
    local self = run [[
local k = channel "k" { key = "id" }
every(1, function() k:publish {} end)
route "GET /k" { stream = k, lagging = "conflate" }
route "GET /f" { lagging = "conflate", stream = function(request)
  if request.query.both then return { k, e } end
  return k
end }
]]
    assert.equal("conflate", self.ask("GET /k").policy.lagging)
    assert.equal("conflate", self.ask("GET /f").policy.lagging)
    assert.equal(500, self.ask("GET /f?both").status)
    assert.matches('"conflate", but channel "e" has no `key`', self.core:log_text(), 1, true)
  end)

  it("is the default after a mistake, which is told and counted", function()
    local self = run [[
route "GET /a" { stream = e, heartbeat = function() return { evry = 1 } end }
route "GET /b" { stream = e, heartbeat = function() error "oh" end }
route "GET /c" { stream = e, heartbeat = function() return { every = "1ms" } end }
]]
    for _, path in ipairs { "/a", "/b", "/c" } do
      local answer = self.ask("GET " .. path)
      assert.same({ 1 }, answer.stream)
      assert.is_nil(answer.policy)
    end
    assert.equal(3, self.server.counters.errors)
    local log = self.core:log_text()
    assert.matches('route "GET /a" %(.-%): heartbeat: unknown setting "evry", '
      .. 'did you mean "every"%?', log)
    assert.matches("heartbeat: .-oh", log)
    assert.matches("heartbeat: every: must be at least 100ms", log)
  end)

  it("does not remember answers without end", function()
    local self = run [[
local n = 0
route "GET /e" { stream = e, heartbeat = function()
  n = n + 1
  return { every = 10 + n }
end }
]]
    for _ = 1, 2500 do self.ask "GET /e" end
    assert.is_true(self.server.beat_count <= 1000)
  end)
end)

describe("limits of a route or a channel", function()
  it("narrow what a body or an event may be", function()
    local self = run [[
local f = channel "f" { limits = { event = 10 } }
route "GET /f" { stream = { e, f } }
route "POST /p" { limits = { body = 20 }, respond = function(request)
  return 202, f:publish(request.body)
end }
]]
    assert.equal(202, self.ask("POST /p", { body = ("x"):rep(10) }).status)
    local answer = self.ask("POST /p", { body = ("x"):rep(11) })
    assert.same({ 413, "the event is larger than limits.event (10 bytes)\n" },
      { answer.status, answer.body })
    answer = self.ask("POST /p", { body = ("x"):rep(21) })
    assert.same({ 413, "the body is too long\n" }, { answer.status, answer.body })
    assert.equal(1, self.server.counters.body_too_long)
  end)

  local function errors(text) return support.errors(HEAD .. text) end

  it("are checked: which, and that they are narrower", function()
    assert.equal('config.lua:4: route "GET /e": limits.head: is a limit of the whole server; '
      .. "a stream may narrow body, client_lag, client_lag_time",
      errors 'route "GET /e" { stream = e, limits = { head = "1k" } }')
    assert.equal('config.lua:4: route "GET /e": unknown setting "bdy", did you mean "body"?',
      errors 'route "GET /e" { stream = e, limits = { bdy = "1k" } }')
    assert.equal('config.lua:4: route "GET /e": limits.client_lag: must be at most the server\'s '
      .. 'limits.client_lag, "1M", got "2M"',
      errors 'route "GET /e" { stream = e, limits = { client_lag = "2M" } }')
    assert.equal('config.lua:4: route "GET /e": limits.client_lag: must be at most the server\'s '
      .. 'limits.client_lag, "64k", got "128k"',
      errors('route "GET /e" { stream = e, limits = { client_lag = "128k" } }\n'
        .. 'limits { client_lag = "64k" }'))
    assert.equal('config.lua:4: route "GET /r": limits.client_lag: is a limit of the whole '
      .. "server; a route may narrow body",
      (errors('route "GET /r" { limits = { client_lag = "1k" },\n'
        .. "  respond = function() return 200 end }\nroute \"GET /e\" { stream = e }")))
  end)

  it("belong to streams where they are a stream's, and so do heartbeats", function()
    assert.equal('config.lua:4: route "GET /r": lagging: only a stream has it',
      (errors('route "GET /r" { lagging = "skip",\n'
        .. "  respond = function() return 200 end }\nroute \"GET /e\" { stream = e }")))
    assert.equal('config.lua:4: route "GET /e": lagging: expected one of "disconnect", "skip", '
      .. '"conflate", got "wait"', errors 'route "GET /e" { stream = e, lagging = "wait" }')
    assert.equal('config.lua:4: route "GET /e": heartbeat.every: expected a duration such as '
      .. '"15s", or false, got "soon"',
      errors 'route "GET /e" { stream = e, heartbeat = { every = "soon" } }')
    assert.equal('config.lua:4: route "GET /e": heartbeat.event: the name "gap" is reserved',
      errors 'route "GET /e" { stream = e, heartbeat = { event = "gap" } }')
  end)
end)
