-- SPDX-License-Identifier: MIT
--- The number of workers changes while clients are there: their connections
-- move to another process, and they notice nothing.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local response = require "spec.support.response"
local order = require "spec.faults.order"
local proc = require "spec.support.proc"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }
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
  on("unsubscribe", function(client, ended)
    note("gone " .. client.id .. " " .. ended.reason)
    if client.address ~= "127.0.0.1" then note("from " .. client.address) end
  end)
  on("occupied", function(channel) note("occupied " .. channel.name) end)
  on("vacant", function(channel) note("vacant " .. channel.name) end)
end
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "GET /beats" { stream = events, heartbeat = { every = "200ms", event = "beat", text = "dum" } }
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
  local faulty = environment and environment.STENTOR_FAULT_FILE
  one = server.start { config = config, env = environment,
    binary = faulty and server.binary .. "-faults" }
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

  it("a stream is kept as its route says, for the client behind its proxy", function()
    start { TOLD = "yes" }
    local streams = {}
    for i = 1, 12 do
      streams[i] = sse.open { port = one.port, path = "/beats",
        headers = { ["X-Forwarded-For"] = "203.0.113." .. i } }
    end
    resize(1)
    settle(1)
    for _, stream in ipairs(streams) do
      local before = #stream:events()
      eventually(function()
        local last = stream:events()[#stream:events()]
        return #stream:events() > before and last.event == "beat" and last.data == "dum"
      end)
      stream:close()
    end
    for i = 1, 12 do
      eventually(function() return logged("hook: from 203%.0%.113%." .. i .. "%.") == 1 end)
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

--- Those of `streams` that are open and have all; the others, which must have
-- been closed, come back with their ids.
local function sort_out(streams)
  local open, closed = {}, {}
  for _ = 1, 3 do publish() end
  eventually(function()
    open, closed = {}, {}
    for _, stream in ipairs(streams) do
      if stream.connection.ended then
        closed[#closed + 1] = stream
      elseif #stream:events() == published then
        open[#open + 1] = stream
      end
    end
    return #open + #closed == #streams
  end)
  for _, stream in ipairs(closed) do
    local had = #stream:events()
    local again = sse.open { port = one.port, path = "/events", last_event_id = stream:last_id() }
    for i, event in ipairs(again:wait(published - had)) do
      assert.equal(had + i, number_of(event))
    end
    again:close()
  end
  assert_whole(open, 1)
  return #open, #closed
end

describe("when either of the two dies", function()
  local fault

  after_each(function()
    if fault then fault:close() end
    fault = nil
    server.stop_all()
  end)

  -- Who dies: with it go its own third of the clients, and what it had of the
  -- other's.
  local deaths = {
    ["hand over: sent"] = "worker 2",
    ["hand over: forgotten"] = "worker 2",
    ["hand over: gone"] = "worker 2",
    ["take over: adopted"] = "worker 0",
    ["take over: taken"] = "worker 0",
    ["take over: begun"] = "worker 0",
  }
  for step, role in pairs(deaths) do
    it(("after \"%s\", every client is somebody's"):format(step), function()
      local folder = server.make_folder {}
      fault = order.open(folder .. "/order")
      start { STENTOR_FAULT_FILE = folder .. "/order" }
      local streams = open_streams(240)
      publish()
      fault:die_at(step, 1)
      resize(2)
      local stopped
      eventually(function()
        stopped = fault:stopped()
        return stopped
      end)
      local title = proc.title(stopped)
      assert.truthy(title:find(role), title)
      uv.kill(stopped, "sigkill")
      eventually(function()
        return worker_count() == 2 and one:children "worker 0" and one:children "worker 1"
          and health().connections > 0
      end)
      local open, closed = sort_out(streams)
      assert.is_true(open > 30, open .. " open, " .. closed .. " closed")
      -- The clients that it had sent live on without it.
      if role == "worker 2" then assert.is_true(closed < 30, closed .. " closed") end
      assert.equal(open, health().streams)
    end)
  end
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
    local _, closed = sort_out(streams)
    -- The dead one's own third, and at most one batch that it had taken.
    assert.is_true(closed > 50 and closed < 230, closed)
  end)
end)
