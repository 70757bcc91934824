-- SPDX-License-Identifier: MIT
--- A server that is told to end, or to do without streams for a while, sends
-- its clients away in good order.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
supervise { drain_window = "$WINDOW" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
route "GET /events" { stream = events }
route "GET /hello" { respond = function() return 200, "hello" end }
route "GET /slow" { respond = function()
  log.info "began"
  sleep "400ms"
  return 200, "done"
end }
on("stop", function() events:publish "farewell" end)
]]

local one

-- `window`: over which it sends its clients away.
local function start(window)
  one = server.start((config:gsub("%$WINDOW", window or "2s")))
end

local function open(count)
  local clients = {}
  for i = 1, count do clients[i] = sse.open { port = one.port, path = "/events" } end
  return clients
end

local function ended(clients)
  local count = 0
  for _, client in ipairs(clients) do
    if client.connection.ended then count = count + 1 end
  end
  return count
end

local function send(path, headers)
  local connection = http.raw(one.port)
  connection:send(http.format { path = path, headers = headers })
  return connection
end

local function logs(text)
  return function() return one:log():find(text, 1, true) end
end

describe("a server that ends", function()
  after_each(server.stop_all)

  it("sends its clients away over the window, each with a time to come back", function()
    start()
    local clients = open(150) -- more than go at once
    one:kill "sigterm"
    eventually(function() return ended(clients) > 0 end)
    assert.is_true(ended(clients) < #clients)
    assert.equal(0, (one:wait_end()))
    local retries, distinct = {}, 0
    for _, client in ipairs(clients) do
      eventually(function() return client.connection.ended end)
      assert.equal("EOF", client.connection.ended)
      assert.equal("farewell", client:events()[1].data)
      local retry = client.parser.retry
      assert.is_true(retry >= 500 and retry <= 2500, retry)
      if not retries[retry] then distinct = distinct + 1 end
      retries[retry] = true
    end
    assert.is_true(distinct > 50, distinct)
  end)

  it("answers what was asked, and accepts nobody more", function()
    start()
    local clients, slow, idle = open(100), send "/slow", send "/hello"
    idle:response()
    eventually(logs "began")
    one:kill "sigterm"
    eventually(function()
      local ok, connection = pcall(http.raw, one.port)
      if ok then connection:close() end
      return not ok
    end)
    assert.equal("done", slow:response().body)
    assert.equal("EOF", idle:closed())
    assert.equal(0, (one:wait_end()))
    for _, client in ipairs(clients) do
      eventually(function() return client.connection.ended end)
    end
  end)

  it("with few clients or none does not take its window", function()
    start "1h"
    local clients = open(5)
    one:stop "sigterm"
    assert.equal(5, ended(clients))
  end)

  it("ends quickly when it is interrupted, and at once when told twice", function()
    start()
    local clients = open(150)
    one:kill "sigint"
    eventually(function() return ended(clients) == #clients end)
    assert.equal(0, (one:wait_end()))

    start()
    clients = open(150)
    one:kill "sigterm"
    eventually(function() return ended(clients) > 0 end)
    one:kill "sigterm"
    assert.equal(0, (one:wait_end()))
    assert.truthy(one:log():find "stopping at once")
  end)

  it("ends by itself when its terminal goes, and reloads otherwise", function()
    start()
    one:kill "sighup"
    eventually(logs "reloaded in")
    assert.equal(200, (one:request { path = "/hello" }))
  end)
end)

describe("stentor drain", function()
  after_each(server.stop_all)

  it("ends and refuses streams while all else is served, until a reload", function()
    start()
    local clients = open(40)
    local run = server.run({ "drain" }, { cwd = one.folder })
    assert.equal(0, run.code, run.err)
    eventually(function() return ended(clients) == #clients end)
    assert.is_true(clients[1].parser.retry >= 500)
    assert.equal("hello", select(3, one:request { path = "/hello" }))
    local status, _, body = one:request { path = "/health" }
    assert.equal(503, status)
    assert.truthy(body:find('"status":"draining"', 1, true))
    local refused = send("/events", { Accept = "text/event-stream" }):response()
    assert.equal(200, refused.status)
    assert.truthy(refused.body:find "^retry: %d+\n\n$")
    -- A worker that starts meanwhile knows of it.
    local worker = one:children("worker 0").pid
    uv.kill(worker, "sigkill")
    uv.kill(one:children("worker 1").pid, "sigkill")
    eventually(function()
      local ok, whole = pcall(function()
        return send("/events", { Accept = "text/event-stream" }):response()
      end)
      return ok and whole.body:find "^retry: %d+\n\n$"
    end)
    run = server.run({ "reload" }, { cwd = one.folder })
    assert.equal(0, run.code, run.err)
    local client = open(1)[1]
    assert.equal(200, (one:request { path = "/health" }))
    assert.is_nil(client.connection.ended)
  end)
end)
