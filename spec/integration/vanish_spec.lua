-- SPDX-License-Identifier: MIT
--- Clients that vanish in the midst of everything, and clients that send
-- rubbish, by the thousand: nothing is left of them and nobody else notices.
local cjson = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
journal { size = "4M" }
limits { answer_time = "1s", client_lag = "1M" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
route "GET /events" { stream = events }
route "GET /decides" { stream = function() sleep "20ms" return events end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "GET /big" { respond = function() return 200, ("x"):rep(1000000) end }
route "GET /sleeps" { respond = function() sleep "500ms" return 200, "slept" end }
route "POST /echo" { respond = function(request) return 200, request.body end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one, witness, published, descriptors

local function counters()
  local status, _, body = one:request { path = "/health" }
  assert.equal(200, status)
  return cjson.decode(body).counters
end

local function publish(size)
  published = published + 1
  local status = one:request { method = "POST", path = "/publish",
    body = published .. (" "):rep(size or 1) }
  assert.equal(202, status)
end

local function worker_descriptors()
  local list = {}
  for number = 0, 1 do
    list[number + 1] = proc.descriptors(one:children("worker " .. number).pid)
  end
  return list
end

--- Opens `count` connections in groups, sends each `bytes(i)` and, when `ready`
-- says so, lets them vanish: every other one by a reset.
local function vanish(count, bytes, ready)
  local group = 250
  for first = 1, count, group do
    local open = {}
    for i = first, math.min(count, first + group - 1) do
      local connection = http.raw(one.port)
      connection:send(bytes(i))
      open[#open + 1] = connection
    end
    if ready then eventually(function() return ready(open) end) end
    publish()
    for i, connection in ipairs(open) do connection:close(i % 2 == 0) end
  end
end

local function received_by_all(text)
  return function(open)
    for _, connection in ipairs(open) do
      if not connection:received():find(text, 1, true) then return false end
    end
    return true
  end
end

describe("clients that vanish", function()
  setup(function()
    one = server.start(config)
    published = 0
    witness = sse.open { port = one.port, path = "/events" }
    publish()
    witness:wait(1)
    eventually(function() return counters().connections == 2 end)
    descriptors = worker_descriptors()
    -- One of them may be the connection that asks.
    descriptors.most = math.max(descriptors[1], descriptors[2]) + 1
  end)
  teardown(server.stop_all)

  after_each(function()
    eventually(function()
      local now = counters()
      return now.connections == 2 and now.streams == 1
        or error(("%d connections, %d streams"):format(now.connections, now.streams))
    end)
    eventually(function()
      local now = worker_descriptors()
      return now[1] <= descriptors.most and now[2] <= descriptors.most
    end)
    publish()
    for i, event in ipairs(witness:wait(published)) do
      assert.equal(i, tonumber(event.data:match "^%d+"))
    end
    assert.is_nil(witness.connection.ended)
    assert.is_nil(one:log():find "ended:")
    assert.is_nil(one:log():find "error")
  end)

  it("before a byte, in mid-head and in mid-body", function()
    local before = counters().clients_vanished
    vanish(1500, function(i)
      if i % 3 == 0 then return "" end
      if i % 3 == 1 then return "GET /hello HTTP/1.1\r\nHost: sp" end
      return "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 50000\r\n\r\n"
        .. ("x"):rep(30000)
    end)
    eventually(function() return counters().clients_vanished >= before + 700 end)
  end)

  it("while it is decided what they get", function()
    vanish(1000, function(i)
      return http.format { path = i % 2 == 0 and "/sleeps" or "/decides" }
    end)
  end)

  it("while they are answered", function()
    vanish(300, function() return http.format { path = "/big" } end)
  end)

  it("in mid-stream, before and after they read of it", function()
    vanish(500, function() return http.format { path = "/events?since=all" } end)
    vanish(1000, function() return http.format { path = "/events" } end,
      received_by_all "text/event-stream")
  end)

  it("in mid-stream, with much on its way to them", function()
    local open = {}
    for i = 1, 100 do
      open[i] = http.raw(one.port)
      open[i]:pause()
      open[i]:send(http.format { path = "/events" })
    end
    eventually(function() return counters().streams == 101 end)
    for _ = 1, 40 do publish(20000) end
    witness:wait(published)
    for i, connection in ipairs(open) do connection:close(i % 2 == 0) end
  end)

  it("after half a close of theirs", function()
    local open = {}
    for i = 1, 200 do
      open[i] = http.raw(one.port)
      open[i]:send(http.format { path = i % 2 == 0 and "/events" or "/sleeps" })
      open[i]:finish()
    end
    for i, connection in ipairs(open) do
      connection:closed()
      if i % 2 == 1 then assert.truthy(connection:received():find("slept", 1, true)) end
      connection:close()
    end
  end)

  it("in mid-stream, sending what nobody wants", function()
    local open = {}
    for i = 1, 50 do
      open[i] = http.raw(one.port)
      open[i]:send(http.format { path = "/events" })
    end
    eventually(function() return counters().streams == 51 end)
    for _, connection in ipairs(open) do connection:send(("noise "):rep(5000)) end
    for _, connection in ipairs(open) do
      connection:closed()
      connection:close()
    end
  end)

  it("having sent rubbish of every kind", function()
    local kinds = {
      function() return "\22\3\1\2\0\1\0\1\252\3\3" .. ("\201"):rep(500) end,
      function() return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\18\4\0\0\0\0\0" end,
      function() return "SSH-2.0-OpenSSH_9.2p1 Debian\r\n" end,
      function() return ("\0"):rep(3000) end,
      function() return ("\r\n"):rep(20000) end,
      function() return "GET " .. ("/"):rep(100000) end,
      function() return "GET / HTTP/1.1\r\n" .. ("A"):rep(100000) end,
      function() return ("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"):rep(2000) end,
      function() return "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "ffffffffffffffff\r\n" end,
      function()
        local bytes = {}
        for i = 1, math.random(1, 4000) do bytes[i] = string.char(math.random(0, 255)) end
        return table.concat(bytes)
      end,
    }
    for _ = 1, 4 do
      local open = {}
      for i = 1, 200 do
        open[i] = http.raw(one.port)
        open[i]:send(kinds[i % #kinds + 1]())
      end
      publish()
      witness:wait(published)
      for i, connection in ipairs(open) do
        -- Some random bytes ask for more; none gets anything but a response.
        if i % 2 == 0 then connection:finish() end
        eventually.turn(0)
        local got = connection:received()
        assert.truthy(got == "" or got:find "^HTTP/1%.1 %d%d%d ", got)
        connection:close(i % 3 == 0)
      end
    end
    assert.is_true(counters().bad_requests > 300)
  end)

  it("all at once, without stopping the others", function()
    local open = {}
    for i = 1, 1000 do
      open[i] = uv.new_tcp()
      open[i]:connect("127.0.0.1", one.port, function() end)
    end
    publish()
    witness:wait(published)
    for _, socket in ipairs(open) do socket:close() end
    eventually.turn(1)
  end)
end)
