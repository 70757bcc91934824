-- SPDX-License-Identifier: MIT
--- Heartbeats as clients get them: what a config, a route or a function of the
-- request says, executed by the workers.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(1)
journal { size = "1M" }
plugin "health" { path = "/health" }
limits { policies = 3 }
heartbeat(function(request)
  local agent = request.headers["user-agent"] or ""
  if agent:find "Old" then return { every = "100ms", text = "still here" } end
  if request.query.beat then return { every = request.query.beat } end
end)
local events = channel "events" { replay = "all" }
local quiet = channel "quiet" { replay = "all" }
route "GET /events" { stream = events }
route "GET /quiet" { stream = quiet, heartbeat = { every = "100ms", id = true } }
route "GET /named" { stream = quiet,
  heartbeat = { every = "100ms", event = "beat", text = "{}", jitter = "0%" } }
route "GET /idle" { stream = events, heartbeat = { every = "300ms", idle = true } }
route "GET /none" { stream = events, heartbeat = false }
route "POST /publish/:name" { respond = function(request)
  local channel = request.params.name == "quiet" and quiet or events
  local id
  for _ = 1, tonumber(request.query.count or 1) do id = channel:publish(request.body) end
  return 202, { id = id }
end }
]]

local one
local clients = {}

local function open(path, options)
  options = options or {}
  options.port, options.path = one.port, path
  clients[#clients + 1] = sse.open(options)
  return clients[#clients]
end

local function publish(name, data, count)
  local status, _, body = one:request { method = "POST", body = data,
    path = ("/publish/%s?count=%d"):format(name, count or 1) }
  assert.equal(202, status)
  return cjson.decode(body).id
end

local function counters()
  local _, _, body = one:request { path = "/health" }
  return cjson.decode(body).counters
end

describe("heartbeats", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)
  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    clients = {}
    eventually(function() return counters().streams == 0 end)
  end)

  it("are what a function of the request says", function()
    local old = open("/events", { headers = { ["User-Agent"] = "OldProxy/1" } })
    local asked, other = open "/events?beat=100ms", open "/events"
    eventually(function() return #old.comments >= 3 and #asked.comments >= 3 end)
    assert.equal("still here", old.comments[3]:match "^%s*(.-)$")
    assert.equal(1, #other.comments) -- the first line of every stream
  end)

  it("are a route's own, or none", function()
    local named, none = open "/named", open "/none"
    local beats = named:wait(3)
    assert.same({ "beat", "{}" }, { beats[3].event, beats[3].data })
    assert.equal(1, #none.comments)
  end)

  it("wait while something else is sent, if they are for idle streams", function()
    local busy = open "/idle"
    local sent = 0
    eventually(function()
      publish("events", "x")
      sent = sent + 1
      return sent >= 30
    end)
    local before = #busy.comments
    assert.is_true(before <= 2)
    eventually(function() return #busy.comments > before end)
  end)

  it("carry the position, so that a quiet client's does not grow old", function()
    local first = publish("quiet", "first")
    local client = open("/quiet", { last_event_id = first })
    -- Far more than the ring holds, of a channel that it does not have.
    local last
    for _ = 1, 6 do last = publish("events", ("x"):rep(2000), 200) end
    eventually(function() return client:last_id() == last end)
    client:close()
    publish("quiet", "second")
    local again = open("/quiet", { last_event_id = client:last_id() })
    assert.equal("second", again:wait(1)[1].data)
  end)

  it("are the server's own beyond the limit of distinct ones", function()
    local streams = {}
    for i = 1, 5 do streams[i] = open(("/events?beat=%dms"):format(100 + i)) end
    eventually(function() return #streams[3].comments >= 3 end)
    assert.equal(2, counters().policies_full)
    assert.equal(1, #streams[5].comments)
    streams[1]:close()
    eventually(function() return counters().streams == 4 end)
    local after = open "/events?beat=120ms"
    eventually(function() return #after.comments >= 3 end)
  end)
end)
