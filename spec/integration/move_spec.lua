-- SPDX-License-Identifier: MIT
--- The number of workers changes while clients are there: their connections
-- move to another process, and they notice nothing.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local response = require "spec.support.response"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(3)
heartbeat { every = env.QUIET and "1h" or "300ms" }
limits { client_lag = "64M", client_lag_time = "5m" }
journal { size = "32M" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
local rooms = channel "rooms/:id" {}
local function note(text) log.info("hook: " .. text .. ".") end
local TOLD = env.TOLD
if TOLD then
  on("subscribe", function(client) note("come " .. client.id) end)
  on("unsubscribe", function(client, ended) note("gone " .. client.id .. " " .. ended.reason) end)
  on("occupied", function(channel) note("occupied " .. channel.name) end)
  on("vacant", function(channel) note("vacant " .. channel.name) end)
end
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "GET /both" { stream = function() return { events, rooms "a" } end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "GET /count" { respond = function() return 200, { events = events:count() } end }
route "GET /sleeps" { respond = function() sleep "400ms" return 200, "slept" end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one, published

local function logged(text)
  local _, times = one:log():gsub(text, "")
  return times
end

local function start(environment)
  one = server.start { config = config, env = environment }
  published = 0
end

--- Publishes the next number, with so many bytes behind it.
local function publish(filling)
  published = published + 1
  local status = one:request { method = "POST", path = "/publish",
    body = published .. " " .. ("x"):rep(filling or 1) }
  assert.equal(202, status)
end

local function health()
  local _, _, body = one:request { path = "/health" }
  return cjson.decode(body).counters
end

--- Changes the config; a brain that starts finds that out.
local function resize(count)
  local path = one.folder .. "/config.lua"
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  file = assert(io.open(path, "w"))
  file:write((text:gsub("workers%(%d+%)", "workers(" .. count .. ")")))
  file:close()
  local times = logged "workers from now on"
  uv.kill(one:children("brain").pid, "sigkill")
  eventually(function() return logged "workers from now on" > times end)
end

local function worker_count()
  local count = 0
  for _, child in ipairs(one:children()) do
    if child.role:find "^worker" then count = count + 1 end
  end
  return count
end

--- Publishes until there are `count` workers and no more.
local function settle(count)
  eventually(function()
    publish()
    return worker_count() == count and health().connections > 0
  end)
  eventually(function() return logged "worker %d serves" >= count - 1 end)
end

local function number_of(event)
  return tonumber(event.data:match "^%d+")
end

--- Each has all numbers from its first one to the last, and is open.
local function assert_whole(streams, first)
  for _, stream in ipairs(streams) do
    stream:wait(published - first + 1)
    assert.is_nil(stream.connection.ended)
    for i, event in ipairs(stream:events()) do
      if number_of(event) ~= first + i - 1 then
        error(("event %d is number %s"):format(i, event.data:sub(1, 20)))
      end
    end
  end
end

local function open_streams(count, path)
  local list = {}
  for i = 1, count do
    list[i] = sse.open { port = one.port, path = path or "/events",
      version = i % 5 == 0 and "1.0" or "1.1" }
  end
  return list
end

describe("with fewer workers", function()
  after_each(server.stop_all)

  it("and with more again, streams lose nothing and get nothing twice", function()
    start()
    local streams = open_streams(60)
    publish()
    for _, count in ipairs { 1, 3, 2, 1, 2 } do
      resize(count)
      settle(count)
    end
    assert_whole(streams, 1)
    local counters = health()
    assert.equal(60, counters.streams)
    assert.is_true(counters.moved >= 20)
    assert.equal(0, counters.closed_by_client + counters.closed_error + counters.closed_stop)
    assert.is_nil(one:log():find "error")
  end)

  it("a stream of several channels follows them all as before", function()
    start()
    local both, room = open_streams(12, "/both"), open_streams(12, "/rooms/a")
    publish()
    resize(1)
    settle(1)
    assert_whole(both, 1)
    for _, stream in ipairs(room) do
      assert.is_nil(stream.connection.ended)
      assert.equal(0, #stream:events())
    end
  end)

  it("hooks are told nothing of it, and all of what comes after", function()
    start { TOLD = "yes" }
    local streams = open_streams(30)
    eventually(function() return logged "hook: come" == 30 end)
    resize(1)
    settle(1)
    assert.equal(0, logged "hook: gone")
    assert.equal(0, logged "hook: vacant")
    local _, _, body = one:request { path = "/count" }
    assert.equal(30, cjson.decode(body).events)
    for _, stream in ipairs(streams) do stream:close() end
    eventually(function() return logged "hook: gone %d+ closed%." == 30 end)
    eventually(function() return logged "hook: vacant events%." == 1 end)
  end)

  it("connections between requests go on, and requests under way are answered", function()
    start()
    local idle, silent, busy = {}, {}, {}
    for i = 1, 15 do
      idle[i], silent[i], busy[i] = http.raw(one.port), http.raw(one.port), http.raw(one.port)
      idle[i]:send(http.format { path = "/hello" })
      assert.equal("hello", idle[i]:response().body)
    end
    resize(1)
    for i = 1, 15 do busy[i]:send(http.format { path = "/sleeps" }) end
    settle(1)
    for i = 1, 15 do
      assert.equal("slept", busy[i]:response().body)
      for _, list in ipairs { idle, silent, busy } do
        list[i]:send(http.format { path = "/hello" })
        assert.equal("hello", list[i]:response().body)
        list[i]:close()
      end
    end
  end)
end)

describe("a thousand streams, two thirds of them stuck in mid-event", function()
  after_each(server.stop_all)

  --- All that came behind the head, but for heartbeats.
  local function body(connection)
    return (connection:received():match "\r\n\r\n(.*)$":gsub("2\r\n:\n\r\n", ""))
  end

  it("move without a byte lost", function()
    start { QUIET = "yes" }
    local streams, stuck = {}, 0
    for i = 1, 1000 do
      local stream = http.raw(one.port, { narrow = true })
      stream:send(http.format { path = "/events" })
      streams[i] = stream
    end
    for i, stream in ipairs(streams) do
      stream:receive "\r\n\r\n"
      if i % 3 > 0 then
        stream:pause()
        stuck = stuck + 1
      end
    end
    for _ = 1, 100 do
      if health().fell_behind >= stuck then break end
      publish(4000)
    end
    assert.is_true(health().fell_behind >= stuck)
    resize(1)
    for _ = 1, 5 do publish(4000) end
    eventually(function() return worker_count() == 1 end, 20)
    for _, stream in ipairs(streams) do stream:resume() end
    local whole = sse.open { port = one.port, path = "/events?since=all" }
    local size = 0
    for _, event in ipairs(whole:wait(published)) do size = size + #event.data end
    local last = "data: " .. published .. " "
    local function is_whole(stream)
      if #stream:received() < size then return false end
      local bytes = body(stream)
      return bytes:sub(-4) == "\n\n\r\n" and bytes:find(last, 1, true)
    end
    eventually(function()
      for i, stream in ipairs(streams) do
        if not is_whole(stream) then
          error(("stream %d: %s, %d of %d bytes, the last: %s"):format(i, stream.ended or "open",
            #stream:received(), size, stream:received():sub(-80)))
        end
      end
      return true
    end, 60)
    local first = body(streams[1])
    local events = sse.parse((response.unchunk(first)))
    assert.equal(published, #events)
    for i, event in ipairs(events) do assert.equal(i, number_of(event)) end
    for _, stream in ipairs(streams) do
      assert.is_nil(stream.ended)
      assert.is_true(body(stream) == first)
    end
    assert.equal(1001, health().streams)
    assert.is_true(health().moved >= 600)
  end)
end)

describe("when who takes the clients dies", function()
  after_each(server.stop_all)

  it("those that it did not have yet stay, and go elsewhere", function()
    start()
    local streams = open_streams(300)
    publish()
    local first = one:children "worker 0"
    uv.kill(first.pid, "sigstop")
    resize(2)
    uv.kill(first.pid, "sigkill")
    eventually(function() return worker_count() == 2 and not one:children "worker 2" end)
    for _ = 1, 3 do publish() end
    local open, closed = {}, 0
    eventually(function()
      open, closed = {}, 0
      for _, stream in ipairs(streams) do
        if stream.connection.ended then
          closed = closed + 1
        elseif #stream:events() == published then
          open[#open + 1] = stream
        end
      end
      return #open + closed == 300
    end)
    -- The dead one's own third, and at most one batch that it had taken.
    assert.is_true(closed > 50 and closed < 230, closed)
    assert_whole(open, 1)
  end)
end)
