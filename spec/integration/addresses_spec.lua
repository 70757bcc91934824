-- SPDX-License-Identifier: MIT
--- What one address may have, and whose address that is behind a proxy.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local routes = [[
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
on("subscribe", function(client) log.info("begun " .. client.address) end)
on("unsubscribe", function(client, ended) log.info("ended " .. client.address) end)
route "GET /events" { stream = events }
route "GET /address" { respond = function(request) return 200, request.address end }
route "GET /load" { respond = function(request) return 200, tostring(request.load) end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one
local clients = {}

local function start(config) one = server.start(config .. routes) end

local function ask(path, headers)
  local status, fields, body = one:request { path = path, headers = headers }
  return status, body, fields
end

local function from(client) return { ["X-Forwarded-For"] = client } end

local function open(headers)
  local client = sse.open { port = one.port, path = "/events", headers = headers }
  clients[#clients + 1] = client
  return client
end

--- The counters as somebody sees them who is never refused.
local function counters(headers)
  local status, body = ask("/health", headers)
  assert.equal(200, status, body)
  return cjson.decode(body).counters
end

local function close_all()
  for _, client in ipairs(clients) do client:close() end
  clients = {}
end

after_each(function()
  close_all()
  server.stop_all()
end)

describe("behind a trusted proxy", function()
  before_each(function()
    start 'listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.0/8", "10.0.0.0/8" } }\n'
  end)

  it("a request's address is its client's, from one request to the next", function()
    local connection = http.raw(one.port)
    clients[1] = connection
    for _, row in ipairs {
      { "1.2.3.4", "1.2.3.4" }, { "6.6.6.6, 2001:db8::1", "2001:db8::1" },
      { "1.2.3.5, 10.0.0.1", "1.2.3.5" }, { "garbage", "127.0.0.1" },
    } do
      connection:send(http.format { path = "/address", headers = from(row[1]) })
      assert.equal(row[2], connection:response().body)
    end
    connection:send(http.format { path = "/address" })
    assert.equal("127.0.0.1", connection:response().body)
    assert.equal("7.7.7.7", (select(2, ask("/address", { Forwarded = "for=7.7.7.7" }))))
  end)

  it("a stream's address is its client's, to its end", function()
    local client = open(from "1.2.3.4")
    eventually(function() return one:log():find "begun 1.2.3.4" end)
    local other = open(from "1.2.3.5")
    client:close()
    eventually(function() return one:log():find "ended 1.2.3.4" end)
    other:close()
    eventually(function() return one:log():find "ended 1.2.3.5" end)
  end)

  it("what cannot be told is refused", function()
    local status, body = ask("/address", { ["X-Forwarded-For"] = "1.2.3.4",
      Forwarded = "for=6.6.6.6" })
    assert.same({ 400, "Forwarded and X-Forwarded-For disagree\n" }, { status, body })
  end)

  it("thousands of hops, and bytes of any kind, do no harm", function()
    local headers = { { "X-Forwarded-For", ("6.6.6.6,"):rep(1000) .. "1.2.3.4" } }
    assert.equal("1.2.3.4", (select(2, ask("/address", headers))))
    for i = 1, 90 do headers[i] = { "X-Forwarded-For", "10.0.0." .. i } end
    assert.equal("10.0.0.59", (select(2, ask("/address", headers)))) -- 32 hops are enough
    assert.equal("127.0.0.1", (select(2, ask("/address", from "\"[::,\255;="))))
  end)
end)

describe("from who is no trusted proxy", function()
  it("headers prove nothing", function()
    start 'listen { "127.0.0.1:$PORT", trust_proxy = { "10.0.0.0/8" } }\n'
    assert.equal("127.0.0.1", (select(2, ask("/address", from "1.2.3.4"))))
    assert.equal("127.0.0.1", (select(2, ask("/address", { Forwarded = "for=1.2.3.4" }))))
  end)

  it("trust is a listener's own", function()
    local other = server.free_port()
    start(('listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }\nlisten "127.0.0.1:%d"\n')
      :format(other))
    assert.equal("1.2.3.4", (select(2, ask("/address", from "1.2.3.4"))))
    local _, _, body = http.request { port = other, path = "/address", headers = from "1.2.3.4" }
    assert.equal("127.0.0.1", body)
  end)
end)

describe("the limit address_connections", function()
  it("refuses who has too many, survivably, over all workers together", function()
    start [[
listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }
workers(2)
limits { address_connections = 10 }
]]
    local streams = {}
    for i = 1, 10 do streams[i] = open(from "1.2.3.4") end
    local status, body, fields = ask("/events", { ["X-Forwarded-For"] = "1.2.3.4",
      Accept = "text/event-stream" })
    assert.same({ 200, "close" }, { status, fields.connection })
    local retry = tonumber(body:match "^retry: (%d+)\n\n$")
    assert.is_true(retry >= 5000 and retry <= 15000)
    status, body, fields = ask("/address", from "1.2.3.4")
    assert.same({ 429, "too many connections from this address\n", "10" },
      { status, body, fields["retry-after"] })
    assert.equal(2, counters().refused_address)
    -- Others, and the proxy itself, are not meant.
    assert.equal(200, (ask("/address", from "1.2.3.5")))
    assert.equal(200, (ask("/address")))
    streams[1]:close()
    eventually(function() return (ask("/address", from "1.2.3.4")) == 200 end)
    assert.equal(202, (one:request { method = "POST", path = "/publish", body = "all",
      headers = from "1.2.3.5" }))
    for i = 2, 10 do assert.equal("all", streams[i]:wait(1)[1].data) end
  end)

  it("counts a /64 of IPv6 as one", function()
    start [[
listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }
limits { address_connections = 2 }
]]
    for i = 1, 2 do open(from("2001:db8::" .. i)) end
    assert.equal(429, (ask("/address", from "2001:db8::3")))
    assert.equal(200, (ask("/address", from "2001:db8:0:1::3")))
  end)

  it("holds without a proxy, and forgets a dead worker's", function()
    start "workers(1)\nlimits { address_connections = 3 }\n"
    for _ = 1, 3 do open() end
    assert.equal(429, (ask "/address"))
    local worker = one:children("worker 0")
    require("luv").kill(worker.pid, "sigkill")
    eventually(function()
      local now = one:children("worker 0")
      return now and now.pid ~= worker.pid
    end)
    eventually(function() return (ask "/address") == 200 end)
  end)

  it("leaves who comes far beyond it unanswered", function()
    start "workers(1)\nlimits { address_connections = 3 }\n"
    for _ = 1, 3 do open() end
    local silent = {}
    for i = 1, 40 do
      silent[i] = http.raw(one.port)
      clients[#clients + 1] = silent[i]
    end
    eventually(function() return silent[40].ended end)
    assert.is_nil(silent[1].ended)
  end)
end)

describe("the limit address_requests", function()
  it("refuses who asks too often: 429, or survivably", function()
    start [[
listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }
workers(2)
limits { address_requests = "20/m" }
]]
    for _ = 1, 20 do assert.equal(200, (ask("/address", from "1.2.3.4"))) end
    local status, body, fields = ask("/address", from "1.2.3.4")
    assert.same({ 429, "too many requests\n" }, { status, body })
    local after = tonumber(fields["retry-after"])
    assert.is_true(after >= 1 and after <= 3, after)
    status, body = ask("/events", { ["X-Forwarded-For"] = "1.2.3.4", Accept = "text/event-stream" })
    assert.equal(200, status)
    assert.truthy(body:find "^retry: %d+\n\n$")
    assert.equal(200, (ask("/address", from "1.2.3.5")))
    assert.equal(2, counters().refused_rate)
  end)

  it("refuses a long body before it is sent", function()
    start 'limits { address_requests = "5/m" }\n'
    eventually(function() return (ask "/address") == 429 end)
    local connection = http.raw(one.port)
    clients[1] = connection
    connection:send "POST /publish HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx"
    assert.equal(429, connection:response().status)
  end)
end)

describe("a reload", function()
  it("changes whom to trust and what an address may have", function()
    start 'listen "127.0.0.1:$PORT"\n'
    local client = open(from "1.2.3.4")
    assert.equal("127.0.0.1", (select(2, ask("/address", from "1.2.3.4"))))
    local run = one:reload('listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }\n'
      .. "limits { address_connections = 2 }\n" .. routes)
    assert.same({ 0, "" }, { run.code, run.err })
    assert.equal("1.2.3.4", (select(2, ask("/address", from "1.2.3.4"))))
    for _ = 1, 2 do open(from "1.2.3.4") end
    assert.equal(429, (ask("/address", from "1.2.3.4")))
    assert.equal(202, (one:request { method = "POST", path = "/publish", body = "still here" }))
    assert.equal("still here", client:wait(1)[1].data)
  end)
end)

describe("request.load", function()
  it("is how full the fullest limit is", function()
    start "workers(1)\nlimits { connections = 20, channels = 10 }\n"
    local function load() return tonumber((select(2, ask "/load"))) end
    assert.equal(0.1, load()) -- one of ten channels
    for _ = 1, 9 do open() end
    assert.equal(0.5, load())
  end)

  it("goes down again when channels are no longer used", function()
    start [[
limits { channels = 100 }
local rooms = channel "rooms/:id" { idle = "1s" }
route "POST /rooms/:id" { respond = function(request)
  return 202, { id = rooms(request.params.id):publish "x" }
end }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
]]
    local function load() return tonumber((select(2, ask "/load"))) end
    for i = 1, 90 do assert.equal(202, (one:request { method = "POST", path = "/rooms/" .. i })) end
    assert.is_true(load() > 0.9)
    eventually(function() return load() < 0.1 end)
  end)

  it("lets a gate refuse while there is room for others", function()
    start [[
workers(1)
limits { connections = 20, channels = 100 }
admit(function(request)
  if request.load > 0.5 and request.path == "/events" then return later "30s" end
end)
]]
    for _ = 1, 10 do open() end
    local status, body = ask("/events", { Accept = "text/event-stream" })
    assert.equal(200, status)
    assert.truthy(body:find "^retry: %d+\n\n$")
    local fields
    status, body, fields = ask "/events"
    assert.same({ 503, "try again later\n", "30" }, { status, body, fields["retry-after"] })
    assert.equal(200, (ask "/address"))
  end)

  it("counts handlers too", function()
    start [[
limits { handlers = 4 }
supervise { drain_window = "100ms" }
route "GET /waits" { respond = function() sleep "1h" return 200, "" end }
]]
    for _ = 1, 2 do
      local connection = http.raw(one.port)
      clients[#clients + 1] = connection
      connection:send(http.format { path = "/waits" })
    end
    eventually(function() return (select(2, ask "/load")) == "0.75" end)
  end)

  it("is 1 when all handlers are taken, and requests are refused survivably", function()
    start [[
limits { handlers = 2 }
supervise { drain_window = "100ms" }
route "GET /waits" { respond = function() sleep "1h" return 200, "" end }
]]
    local waiting = {}
    for i = 1, 2 do
      waiting[i] = http.raw(one.port)
      clients[#clients + 1] = waiting[i]
      waiting[i]:send(http.format { path = "/waits" })
    end
    eventually(function() return (ask "/load") == 503 end)
    local status, _, fields = ask "/waits"
    assert.same({ 503, "1" }, { status, fields["retry-after"] })
    local body
    status, body = ask("/waits", { Accept = "text/event-stream" })
    assert.equal(200, status)
    assert.truthy(body:find "^retry: %d+\n\n$")
    -- A stream that needs no handler begins all the same.
    open():close()
  end)
end)
