-- SPDX-License-Identifier: MIT
--- What a script is told after the fact, and what runs by itself, end to end.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(1)
heartbeat { every = "1s" }
limits { client_lag = "64k" }
local events = channel "events" { replay = 3 }
local state = channel "state" { key = "k", latest = true }
local only = channel "only" { latest = true }
local rooms = channel "rooms/:id" { replay = 10 }
local function note(...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  log.info("note: " .. table.concat(parts, " ") .. ".")
end
local function names(list)
  local all = {}
  for i, one in ipairs(list) do all[i] = one.name end
  return table.concat(all, "+")
end
on("subscribe", function(client)
  note("subscribe", client.route, names(client.channels), client.address, client.user,
    client.resumed)
end)
on("unsubscribe", function(client, ended)
  note("unsubscribe", names(client.channels), client.user, ended.reason, ended.bytes > 0,
    ended.seconds >= 0, ended.last_id)
end)
on("occupied", function(channel) note("occupied", channel.name) end)
on("vacant", function(channel) note("vacant", channel.name) end)
on("publish", function(event)
  note("publish", event.channel.name, event.event, event.key, event.text, event.id)
end)
on("stop", function() sleep "50ms" note "stopped" end)
events:on("subscribe", function() error "a hook that throws" end)
events:on("subscribe", function() sleep "20ms" note "waited" end)
rooms:on("vacant", function(room) note("room", room.name, room:count()) end)
route "GET /events" { stream = events, retry = "7s", since = 2, admit = function(request)
  request.user = request.query.user
end }
route "GET /both" { stream = { events, state } }
route "GET /state" { stream = state }
route "GET /only" { stream = only }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
local board = { events = events, state = state, only = only }
route "POST /publish/:name" { respond = function(request)
  local asked = request:json()
  return 202, { id = board[request.params.name]:publish(asked.data, asked.options) }
end }
local beats = 0
every("50ms", function() beats = beats + 1 note("beat", beats) end)
every("20ms", function() if beats < 3 then error "not yet" end end)
local tries = 0
task(function()
  tries = tries + 1
  note("task", tries)
  if tries < 3 then error "again" end
  sleep "10ms"
  note "task done"
end)
]]

local one

local function notes(pattern)
  local list = {}
  for text in one:log():gmatch("note: ([^\n]*)%.\n") do
    if text:find(pattern) then list[#list + 1] = text end
  end
  return list
end

local function wait_note(pattern, count)
  local list
  eventually(function()
    list = notes(pattern)
    return #list >= (count or 1)
      or error(("no %s in: %s"):format(pattern, table.concat(notes "^[^b]", "\n")))
  end)
  return list[count or 1]
end

local function publish(name, data, options)
  local status, _, body = one:request { method = "POST", path = "/publish/" .. name,
    body = cjson.encode { data = data, options = options } }
  assert.equal(202, status)
  return cjson.decode(body).id
end

local function open(path, last_event_id)
  return sse.open { port = one.port, path = path, last_event_id = last_event_id }
end

describe("hooks", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)

  it("are told of a stream's beginning and end, each once", function()
    local client = open "/events?user=ann"
    wait_note "^subscribe GET /events events 127%.0%.0%.1 ann false$"
    wait_note "^occupied events$"
    wait_note "^waited$"
    assert.truthy(one:log():find "a hook that throws")
    local id = publish("events", "x")
    client:wait(1)
    client:close()
    assert.equal("unsubscribe events ann closed true true " .. id, wait_note "^unsubscribe")
    wait_note "^vacant events$"
    local again = open("/events", id)
    wait_note "^subscribe GET /events events 127%.0%.0%.1 nil true$"
    again:close(true)
    assert.truthy(wait_note("^unsubscribe", 2):find "^unsubscribe events nil %l+ true true")
    wait_note("^vacant events$", 2)
    assert.equal(2, #notes "^occupied")
    assert.equal(2, #notes "^subscribe")
  end)

  it("are told of occupied and vacant per channel, of several at once", function()
    local both, state = open "/both", open "/state"
    wait_note "^occupied state$"
    both:close()
    wait_note "^unsubscribe events%+state"
    wait_note("^vacant events$", 3)
    assert.equal(0, #notes "^vacant state")
    state:close()
    wait_note "^vacant state$"
    assert.equal(1, #notes "^occupied state")
    local a, b = open "/rooms/a", open "/rooms/b"
    wait_note "^occupied rooms/a$"
    a:close()
    wait_note "^room rooms/a 0$"
    wait_note "^vacant rooms/a$"
    assert.equal(0, #notes "^vacant rooms/b")
    b:close()
    wait_note "^room rooms/b 0$"
  end)

  it("are told of vacant each time, however soon it comes", function()
    for round = 1, 40 do
      local client = open "/only"
      wait_note("^occupied only$", round)
      client:close(round % 2 == 0)
      wait_note("^vacant only$", round)
    end
  end)

  it("are told of what is published, with its name, key and id", function()
    local id = publish("state", { k = "red", v = 1 }, { event = "colour" })
    assert.truthy(wait_note "^publish state colour red":find(id, 1, true))
    publish("state", "as it is", { key = "mine" })
    wait_note "^publish state nil mine as it is"
  end)

  it("are told why, when a client is closed for lagging", function()
    local slow = open "/events?user=slow"
    slow.connection:pause()
    wait_note "^subscribe GET /events events 127%.0%.0%.1 slow"
    eventually(function()
      for _ = 1, 5 do publish("events", ("x"):rep(200000)) end
      return #notes "^unsubscribe events slow lagged true true" == 1
    end)
    slow:close()
  end)
end)

describe("end to end", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)

  it("every beats on, also after it threw, and a task runs until it is done", function()
    wait_note("^beat", 5)
    wait_note "^task done$"
    assert.same({ "task 1", "task 2", "task 3" }, notes "^task %d")
    assert.truthy(one:log():find 'config.lua:%d+: not yet')
    local beats = notes "^beat"
    for i, text in ipairs(beats) do assert.equal("beat " .. i, text) end
  end)

  it("latest gives newcomers the last event of each key", function()
    for i = 1, 5 do publish("state", { k = i % 2 == 0 and "even" or "odd", v = i }) end
    publish("only", "one")
    publish("only", "two")
    local state, only = open "/state", open "/only"
    state:wait(2)
    assert.same({ k = "even", v = 4 }, cjson.decode(state:events()[1].data))
    assert.same({ k = "odd", v = 5 }, cjson.decode(state:events()[2].data))
    assert.equal("two", only:wait(1)[1].data)
    -- Who resumes has them already.
    local id = state:last_id()
    local resumed = open("/state", id)
    local last = publish("state", { k = "even", v = 6 })
    assert.equal(last, resumed:wait(1)[1].id)
    state:close()
    only:close()
    resumed:close()
  end)

  it("since, replay and retry are the route's and the channel's", function()
    for i = 1, 5 do publish("events", "n" .. i) end
    local client = open "/events"
    client:wait(2)
    assert.equal(7000, client.parser.retry)
    assert.same({ "n4", "n5" }, { client:events()[1].data, client:events()[2].data })
    local all = open "/events?since=all"
    assert.equal("n3", all:wait(3)[1].data)
    publish("events", "n6", { event = "named", retry = "3s" })
    local event = client:wait(3)[3]
    assert.same({ "n6", "named", 3000 }, { event.data, event.event, event.retry })
    assert.equal(400, (one:request { path = "/events?since=rubbish" }))
    client:close()
    all:close()
  end)

  it("a stop is told, and waited for", function()
    local client = open "/events"
    one:kill "sigterm"
    one.process:wait()
    assert.equal("stopped", wait_note "^stopped$")
    client:closed()
    assert.is_true(client.ended)
    assert.equal(0, (one:wait_end {}))
    uv.run "nowait"
  end)
end)
