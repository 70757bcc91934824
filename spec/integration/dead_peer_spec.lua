-- SPDX-License-Identifier: MIT
--- Clients whose machine is gone without a word are noticed; those who are only
-- slow are not mistaken for them.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local far = require "spec.support.far"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "spec.support.server"

local config = [[
workers(1)
limits { ack_time = "2s", idle_time = "1h", client_lag = "64M", client_lag_time = "1m" }
heartbeat { every = "1s" }
plugin "health" { path = "/health" }
local events = channel "events" {}
route "GET /events" { stream = events }
route "GET /silent" { stream = events, heartbeat = { every = "1h" } }
route "GET /hello" { respond = function() return 200, "hello" end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one

local function health()
  local _, _, body = one:request { path = "/health" }
  return cjson.decode(body).counters
end

local function publish(size)
  local status = one:request { method = "POST", path = "/publish", body = ("x"):rep(size) }
  assert.equal(202, status)
end

describe("a machine that is cut off", function()
  local there, why

  setup(function() there, why = far.start() end)
  after_each(server.stop_all)
  teardown(function()
    process.stop_all()
    far.stop_all()
  end)

  it("is noticed: its streams, with heartbeats or not, and what is between requests", function()
    if not there then
      return pending("network namespaces cannot be made here: " .. tostring(why))
    end
    one = server.start(('listen "127.0.0.1:$PORT" listen "%s:$PORT" '):format(there.address)
      .. config)
    local url = ("http://%s:%d"):format(there.address, one.port)
    for _ = 1, 5 do
      there:process("curl", { "-sN", url .. "/events" })
      there:process("curl", { "-sN", url .. "/silent" })
    end
    -- Says hello, and keeps the connection while it waits to say it again.
    there:process("bash", { "-c", ([[
      exec 3<>/dev/tcp/%s/%d
      printf 'GET /hello HTTP/1.1\r\nHost: far\r\n\r\n' >&3
      read -u 3 line; sleep 1000 <&3]]):format(there.address, one.port) })
    eventually(function()
      local now = health()
      return now.streams == 10 and now.responses > 0 and now.connections == 12
    end)
    there:cut()
    eventually(function()
      local now = health()
      return now.streams == 0 and now.connections == 1
        or error(("%d streams, %d connections"):format(now.streams, now.connections))
    end)
    assert.equal(10, health().closed_error)
  end)
end)

describe("a client that does not read", function()
  after_each(server.stop_all)

  it("has the time of its policy, as its machine is there", function()
    one = server.start(config)
    local client = http.raw(one.port, { narrow = true })
    client:send(http.format { path = "/events" })
    client:receive "\r\n\r\n"
    client:pause()
    for _ = 1, 100 do
      publish(4000)
      if health().fell_behind > 0 then break end
    end
    assert.equal(1, health().fell_behind)
    -- Longer than `ack_time`.
    eventually.stays(function() return health().streams == 1 end, 4)
    client:resume()
    publish(4001)
    client:receive(("x"):rep(4001))
    assert.equal(1, health().streams)
    client:close()
  end)
end)
