-- SPDX-License-Identifier: MIT
-- Each row: a config and the exact lines that `stentor check` prints for it.
local support = require "spec.lua.support"

local LISTEN = 'listen "127.0.0.1:3000"\n'
local SERVED = 'route "GET /e" { stream = function() return e end }\n'

local rows = {
  { "an unknown word, one message whatever is done to it", LISTEN ..
    'local bus = redis { brokers = "x" }\nlocal t = bus:topic("x").y + 1\nt()',
    'config.lua:2: unknown word "redis"' },
  { "an unknown word in a function that does not run", LISTEN ..
    "every(1, function()\n  return helo()\nend)",
    'config.lua:3: unknown word "helo"' },
  { "a mistyped word", LISTEN .. 'chanel "x" {}',
    'config.lua:2: unknown word "chanel", did you mean "channel"?' },
  { "a forgotten local", LISTEN .. "n = 1\nevery(1, function()\n"
    .. "  n = n + 1\nend)",
    'config.lua:2: "n" is assigned without local: write local n = …\n'
    .. 'config.lua:4: "n" is assigned without local: write local n = …' },
  { "a setting, with its own line", LISTEN ..
    'local e = channel "events" {\n  replay = "10m",\n  replya = 3,\n}\n' .. SERVED,
    'config.lua:4: channel "events": unknown setting "replya", '
    .. 'did you mean "replay"?' },
  { "the parenthesised shape", LISTEN ..
    'local e = channel("events", {\n  latest = 1,\n})\n' .. SERVED,
    'config.lua:3: channel "events": latest: expected true or false, got 1' },
  { "a unit", LISTEN .. 'local e = channel "e" { replay = "10x" }\n' .. SERVED,
    'config.lua:2: channel "e": replay: expected a number of events '
    .. '(at most 65536), a duration such as "10m", or "all", got "10x"' },
  { "a word without its table", LISTEN .. 'channel "e"\nroute "GET /x"',
    'config.lua:2: channel "e": its table is missing: write channel "e" {}\n'
    .. 'config.lua:3: route "GET /x": its table is missing: '
    .. 'write route "GET /x" {}' },
  { "a word without its table, in use", LISTEN .. 'local e = channel "e"\n'
    .. 'route "GET /x" { stream = e }',
    'config.lua:2: channel "e": its table is missing: write channel "e" {}' },
  { "a word without its name", LISTEN .. "channel {}",
    'config.lua:2: channel: expected a name, as in channel "name" {}' },
  { "a setting given twice", LISTEN .. 'local e = channel "e" {\n  replay = 1,\n'
    .. '  replay = 2,\n}\n' .. SERVED,
    'config.lua:4: channel "e": "replay" is given twice, first on line 3' },
  { "a word that is assigned", LISTEN .. 'listen = "127.0.0.1:3100"',
    'config.lua:2: "listen" is a word already: write it without "=", or local listen = … for '
    .. "a value of your own" },
  { "more workers than there can be", LISTEN .. "workers(100)",
    "config.lua:2: workers: expected how many, from 1 to 64, got 100" },
  { "events that the journal cannot hold", LISTEN .. 'journal { size = "1M" }\n'
    .. 'limits { event = "1M" }',
    "config.lua:3: limits: an event of limits.event (1048576 bytes) does not fit into a "
    .. "quarter of journal.size (1048576 bytes)" },
  { "a word given twice", LISTEN .. "workers(2)\nworkers(3)",
    "config.lua:3: workers: is given twice, first on line 2 of config.lua" },
  { "an address given twice", LISTEN .. LISTEN,
    'config.lua:2: listen: "127.0.0.1:3000" is given twice' },
  { "a proxy to trust that is none", 'listen { "127.0.0.1:3000", trust_proxy = { "10.0.0.0/8", '
    .. '"all" } }',
    'config.lua:1: listen: trust_proxy: expected an address or a network such as '
    .. '"10.0.0.0/8", got "all"' },
  { "a mistyped setting of listen", 'listen { "127.0.0.1:3000", trust_proxi = { "10.0.0.0/8" } }',
    'config.lua:1: listen: unknown setting "trust_proxi", did you mean "trust_proxy"?' },
  { "a pace without its time", LISTEN .. "limits { address_requests = 50 }",
    'config.lua:2: limits: address_requests: expected how many in what time, such as "50/s" or '
    .. '"100/m", got 50' },
  { "two channels of one name", LISTEN .. 'local e = channel "e" {}\n'
    .. 'channel "e" {}\n' .. SERVED,
    'config.lua:3: channel "e": is declared twice, first on line 2 of config.lua' },
  { "two routes of one shape", LISTEN ..
    'route "GET /a/:x" { respond = function() return 200 end }\n'
    .. 'route "GET /a/:y" { respond = function() return 200 end }',
    'config.lua:3: route "GET /a/:y": has the same shape as "GET /a/:x" on '
    .. "line 2 of config.lua" },
  { "neither stream nor respond", LISTEN .. 'route "GET /a" {}',
    'config.lua:2: route "GET /a": needs exactly one of stream, respond '
    .. '(one that is nil is none)' },
  { "both stream and respond", LISTEN .. 'route "GET /a" {\n'
    .. 'stream = function() end,\nrespond = function() end }',
    'config.lua:4: route "GET /a": a route has stream or respond, not both' },
  { "a family as a stream", LISTEN .. 'local jobs = channel "jobs/:id" {}\n'
    .. 'route "GET /a" { stream = jobs }',
    'config.lua:3: route "GET /a": stream: a family cannot be streamed whole: '
    .. "write function(request) return …(request.params.id) end" },
  { "a channel that nobody streams", LISTEN .. 'local e = channel "e" {}\n'
    .. "every(1, function() e:publish(1) end)",
    'config.lua:2: channel "e": nobody streams it: give it a route, as in '
    .. 'route "GET /events" { stream = … }' },
  { "a channel that nobody feeds", LISTEN .. 'local e = channel "e" {}\n'
    .. 'route "GET /e" { stream = e }',
    'config.lua:2: channel "e": nobody feeds it: no handler, timer or plugin '
    .. "publishes to it" },
  { "an environment variable", LISTEN .. 'local x = env "STENTOR_NO_SUCH"',
    'config.lua:2: env "STENTOR_NO_SUCH": this environment variable is not set' },
  { "a file", LISTEN .. 'local x = file "none.txt"',
    'config.lua:2: file "none.txt": cannot be read: No such file or directory' },
  { "an effect", LISTEN .. 'local e = channel "e" {}\ne:publish(1)\nsleep "1s"\n'
    .. SERVED,
    "config.lua:3: publish: loading has no effects; do this in a handler, "
    .. "a timer or a task\n"
    .. "config.lua:4: sleep: loading has no effects; do this in a handler, "
    .. "a timer or a task" },
  { "limits, with their own lines", LISTEN .. 'limits {\n  body = "1q",\n'
    .. '  headers = 0,\n  conections = 3,\n}',
    'config.lua:3: limits: body: expected a size such as "64k", got "1q"\n'
    .. "config.lua:4: limits: headers: must be at least 1, got 0\n"
    .. 'config.lua:5: limits: unknown setting "conections", '
    .. 'did you mean "connections"?' },
  { "heartbeat", LISTEN .. 'heartbeat { every = "15q", text = "a\\nb",\n'
    .. "  jitter = 2 }",
    'config.lua:2: heartbeat: every: expected a duration such as "15s", '
    .. 'or false, got "15q"\n'
    .. 'config.lua:2: heartbeat: text: expected a text of one line, got "a?b"\n'
    .. 'config.lua:3: heartbeat: jitter: expected a share such as "20%", got 2' },
  { "log, the word and the tool", LISTEN .. 'log { level = "inof" }',
    'config.lua:2: log: level: expected one of "debug", "info", "warn", "error", '
    .. 'got "inof"' },
  { "a hook", LISTEN .. 'on("publsh", function() end)',
    'config.lua:2: on: unknown event "publsh", did you mean "publish"?' },
  { "what is not in os", LISTEN .. 'local home = os.getenv "HOME"',
    "config.lua:2: os.getenv: write env.NAME" },
  { "every and task", LISTEN .. 'every("1z", function() end)\nevery("1s")\ntask(1)',
    'config.lua:2: every: expected a duration such as "15s", got "1z"\n'
    .. "config.lua:3: every: expected a function after the duration\n"
    .. "config.lua:4: task: expected a function" },
  { "no address", "workers(1)",
    'config.lua: no address to listen on: write listen "127.0.0.1:3000"' },
  { "an error of the script's", LISTEN .. "local x = nil\nlocal y = x.z",
    "config.lua:3: attempt to index local 'x' (a nil value)" },
  { "an error in a module", LISTEN .. 'require "none_such"',
    'config.lua:2: there is no module "none_such"' },
  { "an effect and what follows", LISTEN .. 'local e = channel "e" {}\n'
    .. SERVED .. 'e:publish("x"):foo()',
    "config.lua:4: publish: loading has no effects; do this in a handler, "
    .. "a timer or a task" },
  { "an expression that is not whole", LISTEN .. "local x = 1 +",
    "config.lua:2: the file ends in the middle of a statement" },
  { "= for ==", LISTEN .. 'if env.X = "y" then end',
    'config.lua:2: a comparison is written "==": "then" is missing before "="' },
  { "a colon behind a word", 'listen: "127.0.0.1:3000"',
    'config.lua:1: a name is missing before "127.0.0.1:3000"' },
  { "a missing comma", LISTEN .. 'channel "e" {\n  replay = 1\n  latest = true\n}',
    'config.lua:4: a comma, or the "}" of the table that begins on line 2, '
    .. 'is missing before "latest"' },
  { "a missing end", LISTEN .. "every(1, function()\n",
    'config.lua:3: the "end" of the "function" on line 2 is missing before '
    .. "the end of the file" },
  { "one end too many", LISTEN .. "end", 'config.lua:2: "end" is one too many' },
  { "a text that is not closed", 'listen "127.0.0.1:3000\n',
    'config.lua:1: a text is not closed: "127.0.0.1:3000' },
  { "an include that is not there", LISTEN .. 'include "none.lua"',
    'config.lua:2: include: cannot read "none.lua": No such file or directory' },
  { "a plugin that is not there", LISTEN .. 'plugin "none" {}',
    'config.lua:2: plugin "none": there is no plugins/none.lua beside the '
    .. "config, and none came with the program" },
}

local addresses = {
  { ":3000", '":3000" names no address: for all of them write "0.0.0.0:3000", '
    .. 'for this machine only "127.0.0.1:3000"' },
  { "127.0.0.1", '"127.0.0.1" has no port, as in "127.0.0.1:3000"' },
  { "::1", '"::1" has no port, as in "127.0.0.1:3000"' },
  { "1.2.3.256:80", '"1.2.3.256:80": expected a numeric address such as '
    .. '"127.0.0.1:80"' },
  { "example.org:80", '"example.org:80": expected a numeric address such as '
    .. '"127.0.0.1:80"' },
  { "127.0.0.1:70000", '"127.0.0.1:70000": the port must be between 1 and 65535' },
}

describe("config errors name", function()
  for _, row in ipairs(rows) do
    it(row[1], function()
      assert.are.equal(row[3], support.errors(row[2]))
    end)
  end

  for _, row in ipairs(addresses) do
    it("the address " .. row[1], function()
      assert.are.equal("config.lua:1: listen: " .. row[2],
        support.errors(('listen "%s"'):format(row[1])))
    end)
  end

  it("mistakes in an included file, by its own name", function()
    assert.are.equal('config.lua:3: unknown word "finis"\n'
      .. 'more.lua:2: channel "x": unknown setting "repley", '
      .. 'did you mean "replay"?',
      support.errors(LISTEN .. 'include "more.lua"\nfinis()',
        { ["more.lua"] = '\nchannel "x" { repley = 1 }' }))
  end)

  it("a config that is not there", function()
    local boot = require "stentor.boot"
    local fake = require "spec.lua.fake_core"
    local _, errors = boot.load(fake.new(), "/nowhere/config.lua")
    assert.are.equal("/nowhere/config.lua: cannot be read: No such file or "
      .. "directory; name a config, as in: stentor run path/to/config.lua", errors)
  end)
end)

describe("a config without mistakes", function()
  for name, text in pairs {
    ["takes all settings"] = LISTEN .. [==[
      listen { "[::1]:3000", "localhost:3001" }
      workers(3)
      journal { size = "16M" }
      log { level = "warn" }
      limits { connections = "10k", client_lag_time = "30s" }
      heartbeat { every = "20s", jitter = 0, event = "ping", text = "x" }
    ]==],
    ["may hide a channel in a function"] = LISTEN .. [==[
      local box = { inner = channel "e" { key = "a.b", latest = true } }
      local function pick() return box.inner end
      route "GET /e" { stream = function() return pick() end }
      route "POST /e" { respond = function(r) return 202, pick():publish(1) end }
    ]==],
    ["may stream a list"] = LISTEN .. [==[
      local a, b = channel "a" {}, channel "b" {}
      route "GET /e" { stream = { a, b }, retry = "5s", since = 50 }
      task(function() a:publish(1) b:publish(2) end)
    ]==],
    ["may read a channel in a hook"] = LISTEN .. [==[
      local a = channel "a" {}
      a:on("publish", function(event) log.info(event.text) end)
      every("1s", function() a:publish(now()) end)
    ]==],
  } do
    it(name, function() assert.is_nil(support.errors(text)) end)
  end

  it("has this plan", function()
    local s = support.run(LISTEN .. 'listen "[::1]:81"\nworkers(2)\n'
      .. 'limits { client_lag = "2M", head_time = "5s" }\n'
      .. 'heartbeat { event = "ping", jitter = "5%", idle = true }\n'
      .. 'journal { size = "32M" }\nlog { level = "debug" }')
    local plan = s.core.planned
    assert.are.equal(2, plan.workers)
    assert.are.equal(32 * 2 ^ 20, plan.journal_bytes)
    assert.are.equal(0, plan.log_level)
    assert.same({ { host = "127.0.0.1", port = 3000 },
      { host = "::1", port = 81 } }, plan.listeners)
    assert.are.equal(2 * 2 ^ 20, plan.limits.client_lag_bytes)
    assert.are.equal(5000, plan.limits.head_time_ms)
    assert.are.equal(60000, plan.limits.client_lag_time_ms)
    assert.are.equal(250000, plan.limits.connections)
    assert.same({ every_ms = 15000, jitter_percent = 5, idle_only = true,
      with_id = false, frame = "event: ping\ndata: \n\n" }, plan.heartbeat)
  end)
end)
