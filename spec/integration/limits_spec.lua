-- SPDX-License-Identifier: MIT
--- Every limit, reached on purpose: what its client is told, that it is
-- counted, and that nobody else notices.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(1)
journal { size = "4M" }
heartbeat { every = "300ms" }
limits {
  head_time = "400ms", body_time = "400ms", idle_time = "400ms", answer_time = "400ms",
  connections = 60, channels = 8, event = "300k", client_lag = "256k", client_lag_time = "60s",
  body = "1M",
}
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
local rooms = channel "rooms/:id" {}
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "POST /echo" { respond = function(request) return 200, request.body end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "POST /rooms/:id" { respond = function(request)
  return 202, { id = rooms(request.params.id):publish(request.body) }
end }
route "GET /sleeps" { respond = function() sleep "1h" return 200, "slept" end }
route "GET /stream-sleeps" { stream = function() sleep "1h" return events end }
]]

local one
local clients = {} -- that a spec has opened, closed after it

local function connect()
  local connection = http.raw(one.port)
  clients[#clients + 1] = connection
  return connection
end

local function open(path)
  local client = sse.open { port = one.port, path = path }
  clients[#clients + 1] = client
  return client
end

local function close_all()
  for _, client in ipairs(clients) do client:close() end
  clients = {}
end

local function counters()
  local status, _, body = one:request { path = "/health" }
  assert.equal(200, status)
  return cjson.decode(body).counters
end

--- Runs `fn`, then waits until the counter `name` is at least `more` higher.
local function assert_counted(name, more, fn)
  local before = counters()[name]
  assert(before, name)
  fn()
  eventually(function()
    local now = counters()[name]
    return now >= before + more or error(("%s: %d, then %d"):format(name, before, now))
  end)
end

local function publish(data)
  local status = one:request { method = "POST", path = "/publish", body = data }
  assert.equal(202, status)
end

local function seconds_of(fn)
  local began = uv.hrtime()
  fn()
  return (uv.hrtime() - began) / 1e9
end

describe("the limit", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)
  after_each(function()
    close_all()
    eventually(function() return counters().connections == 1 end)
    assert.is_nil(one:log():find "ended:")
  end)

  --- Sends a byte of `bytes` every few milliseconds until the server answers.
  local function trickle(connection, bytes)
    local at, sent_at = 1, 0
    return eventually(function()
      if at <= #bytes and uv.hrtime() - sent_at > 4e6 then
        connection:send(bytes:sub(at, at))
        at, sent_at = at + 1, uv.hrtime()
      end
      return connection:received() ~= "" or connection.ended
    end)
  end

  describe("head_time", function()
    it("is absolute: bytes that trickle do not move it", function()
      assert_counted("timeouts", 1, function()
        local connection = connect()
        local took = seconds_of(function()
          trickle(connection, "GET /hello HTTP/1.1\r\nHost: spec\r\n" .. ("A: b\r\n"):rep(2000))
        end)
        local whole = connection:response()
        assert.equal(408, whole.status)
        assert.equal("close", whole.headers.connection)
        assert.is_true(took > 0.3, took)
        connection:closed()
      end)
    end)

    it("begins with each request of a connection", function()
      local connection = connect()
      for _ = 1, 2 do
        connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
        assert.equal(200, connection:response().status)
      end
      connection:send "GET /hel"
      assert.equal(408, connection:response().status)
      connection:closed()
    end)

    it("ends connections that say nothing", function()
      assert_counted("timeouts", 1, function()
        local connection = connect()
        assert.equal("EOF", connection:closed())
        assert.equal("", connection:received())
      end)
    end)
  end)

  it("body_time ends a body that trickles: 408", function()
    assert_counted("timeouts", 2, function()
      local connection = connect()
      connection:send "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 5000\r\n\r\n"
      local took = seconds_of(function() trickle(connection, ("x"):rep(4000)) end)
      assert.equal(408, connection:response().status)
      assert.is_true(took > 0.3, took)
      connection:closed()
      connection = connect()
      connection:send "POST /echo HTTP/1.1\r\nHost: spec\r\nTransfer-Encoding: chunked\r\n\r\n"
      trickle(connection, ("1\r\nx\r\n"):rep(2000))
      assert.equal(408, connection:response().status)
      connection:closed()
    end)
  end)

  it("idle_time ends a connection without a request, silently", function()
    local connection = connect()
    connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
    assert.equal("hello", connection:response().body)
    assert.equal("EOF", connection:closed())
    assert.equal("", connection:received())
  end)

  it("answer_time ends waiting: 503, or survivably for who wants a stream", function()
    assert_counted("unanswered", 4, function()
      for _, path in ipairs { "/sleeps", "/stream-sleeps" } do
        local plain, stream = connect(), connect()
        plain:send(http.format { path = path })
        stream:send(http.format { path = path, headers = { Accept = "text/event-stream" } })
        local whole = plain:response()
        assert.equal(503, whole.status)
        assert.truthy(whole.headers["retry-after"])
        whole = stream:response()
        assert.same({ 200, "close" }, { whole.status, whole.headers.connection })
        assert.truthy(whole.body:find "^retry: %d+\n\n$")
        assert.truthy(one:log():find("503 no answer in time to GET " .. path, 1, true), one:log())
      end
    end)
  end)

  it("answer_time bears with a stuck brain: streams live, late answers reach nobody", function()
    local stream, asks = open "/events", connect()
    local brain = one:children("brain").pid
    uv.kill(brain, "sigstop")
    asks:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
    asks:send "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 2\r\n\r\nhi"
    assert.equal(503, asks:response().status)
    assert.equal(503, asks:response().status)
    local beats = #stream.comments
    eventually(function() return #stream.comments > beats end)
    asks:send "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 5\r\n\r\nthird"
    uv.kill(brain, "sigcont")
    local whole = asks:response()
    assert.same({ 200, "third" }, { whole.status, whole.body })
    assert.equal("", asks:received())
  end)

  it("connections refuses who is over it survivably, and counts", function()
    local streams = {}
    assert_counted("refused_full", 4, function()
      for i = 1, 60 do streams[i] = open "/events" end
      for _ = 1, 2 do
        local status, headers, body = one:request { path = "/events",
          headers = { Accept = "text/event-stream" } }
        assert.same({ 200, "close" }, { status, headers.connection })
        local retry = tonumber(body:match "^retry: (%d+)\n\n$")
        assert.is_true(retry >= 5000 and retry <= 15000)
        status, headers = one:request { path = "/hello" }
        assert.same({ 503, "10" }, { status, headers["retry-after"] })
      end
      streams[60]:close()
      eventually(function()
        return (one:request { method = "POST", path = "/publish", body = "all" }) == 202
      end)
      for i = 1, 59 do assert.equal("all", streams[i]:wait(1)[1].data) end
      close_all()
      eventually(function() return (one:request { path = "/health" }) == 200 end)
    end)
  end)

  it("channels refuses new members, and the others go on", function()
    local streams = {}
    for i = 1, 7 do
      streams[i] = open("/rooms/" .. i)
      assert.equal(200, streams[i].head.status)
      assert.equal("keep-alive", streams[i].head.headers.connection)
    end
    local status, headers, body = one:request { path = "/rooms/8",
      headers = { Accept = "text/event-stream" } }
    assert.same({ 200, "close" }, { status, headers.connection })
    assert.truthy(body:find "^retry: %d+\n\n$")
    status, headers = one:request { path = "/rooms/9" }
    assert.same({ 503, "30" }, { status, headers["retry-after"] })
    for i = 1, 7 do
      status = one:request { method = "POST", path = "/rooms/" .. i, body = "room " .. i }
      assert.equal(202, status)
      assert.equal("room " .. i, streams[i]:wait(1)[1].data)
    end
  end)

  it("event refuses what is larger: 413, and passes the largest", function()
    local client = open "/events"
    local status, _, body = one:request { method = "POST", path = "/publish",
      body = ("x"):rep(300 * 1024 + 1) }
    assert.equal(413, status)
    assert.truthy(body:find "limits.event")
    publish(("y"):rep(300 * 1024))
    assert.equal(("y"):rep(300 * 1024), client:wait(1)[1].data)
  end)

  it("client_lag closes who does not read, and nobody else", function()
    local quick = open "/events"
    local slow = {}
    assert_counted("closed_lagged_bytes", 3, function()
      for i = 1, 3 do
        slow[i] = open "/events"
        slow[i].connection:pause()
      end
      local count = 0
      eventually(function()
        for _ = 1, 20 do
          count = count + 1
          publish(count .. " " .. ("z"):rep(100000))
        end
        quick:wait(count)
        return counters().streams == 1
      end)
      for i, event in ipairs(quick:events()) do
        assert.equal(i, tonumber(event.data:match "^%d+"))
      end
    end)
  end)
end)

describe("memory", function()
  teardown(server.stop_all)

  local function read(pid, what)
    local file = assert(io.open(("/proc/%d/%s"):format(pid, what)))
    local text = file:read "*a"
    file:close()
    return text
  end

  local function pss_of(pid)
    return tonumber(read(pid, "smaps_rollup"):match "Pss:%s+(%d+) kB")
  end

  it("is given back after thousands of hostile connections", function()
    local roomy = config:gsub("connections = 60", "connections = 5000")
      :gsub('(%l+_time) = "400ms"', function(name)
        return name ~= "answer_time" and name .. ' = "10s"' or nil
      end)
    one = server.start(roomy)
    local worker, brain = one:children("worker 0").pid, one:children("brain").pid
    -- A sanitizer keeps what is freed.
    if read(worker, "maps"):find "libasan" then return end
    local kinds = {
      "GET /hello HTTP/1.1\r\nHost: spec\r\nA: " .. ("x"):rep(12000),
      "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 60000\r\n\r\n" .. ("y"):rep(50000),
      http.format { path = "/events" },
      http.format { path = "/sleeps" },
      "\22\3\1" .. ("\255"):rep(8000),
      "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n",
    }
    local function round()
      for _ = 1, 5 do
        local list = {}
        for i = 1, 300 do
          list[i] = http.raw(one.port)
          list[i]:send(kinds[i % #kinds + 1])
        end
        eventually(function() return counters().connections >= 200 end)
        for i = 1, 300 do list[i]:close(i % 2 == 0) end
      end
      eventually(function() return counters().connections == 1 end)
      eventually(function() return counters().streams == 0 end)
    end
    round()
    local before = { worker = pss_of(worker), brain = pss_of(brain) }
    round()
    round()
    local after = { worker = pss_of(worker), brain = pss_of(brain) }
    assert.is_true(after.worker < before.worker + 2000,
      ("worker: %d kB, then %d kB"):format(before.worker, after.worker))
    assert.is_true(after.brain < before.brain + 8000,
      ("brain: %d kB, then %d kB"):format(before.brain, after.brain))
  end)
end)
