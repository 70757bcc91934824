-- SPDX-License-Identifier: MIT
--- A worker is killed: its streams close and resume, those of the other stay,
-- and hooks are told.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
heartbeat { every = "200ms" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
local rooms = channel "rooms/:id" {}
local function note(text) log.info("hook: " .. text .. ".") end
on("unsubscribe", function(client, ended)
  note("gone " .. client.id .. " " .. ended.reason .. " " .. client.channels[1].name)
end)
on("subscribe", function(client) note("come " .. client.id) end)
on("occupied", function(channel) note("occupied " .. channel.name) end)
on("vacant", function(channel) note("vacant " .. channel.name) end)
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "GET /count" { respond = function()
  return 200, { events = events:count(), room = rooms("a"):count() }
end }
route "GET /sleeps" { respond = function() sleep "300ms" return 200, "slept" end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one

local function times_logged(text)
  local count = 0
  for _ in one:log():gmatch(text) do count = count + 1 end
  return count
end

local function get(path)
  local status, _, body = one:request { path = path }
  assert.equal(200, status)
  return cjson.decode(body)
end

local function publish(data)
  local status, _, body = one:request { method = "POST", path = "/publish", body = data }
  assert.equal(202, status)
  return cjson.decode(body).id
end

--- Opens streams until each worker has some; `path(i)` may say what.
local function open_streams(count, path)
  local list = {}
  for i = 1, count do
    list[i] = sse.open { port = one.port, path = path and path(i) or "/events" }
  end
  eventually(function() return times_logged "hook: come" == count end)
  return list
end

--- Kills worker `number`; returns those of `streams` that stayed, those closed.
local function kill_worker(number, streams)
  local before = times_logged("worker " .. number .. " serves again")
  uv.kill(one:children("worker " .. number).pid, "sigkill")
  eventually(function() return times_logged("worker " .. number .. " serves again") > before end)
  publish "after the kill"
  local stayed, closed = {}, {}
  eventually(function()
    stayed, closed = {}, {}
    for _, stream in ipairs(streams) do
      local events = stream:events()
      if stream.connection.ended then
        closed[#closed + 1] = stream
      elseif #events > 0 and events[#events].data == "after the kill" then
        stayed[#stayed + 1] = stream
      end
    end
    return #stayed + #closed == #streams
  end)
  return stayed, closed
end

describe("when a worker is killed", function()
  before_each(function() one = server.start(config) end)
  after_each(server.stop_all)

  it("only its streams close, and they resume where they were", function()
    local streams = open_streams(40)
    local first = publish "first"
    for _, stream in ipairs(streams) do stream:wait(1) end
    local stayed, closed = kill_worker(1, streams)
    assert.is_true(#stayed > 0 and #closed > 0)
    for _, stream in ipairs(closed) do
      assert.equal(first, stream:last_id())
      local again = sse.open { port = one.port, path = "/events", last_event_id = first }
      assert.equal("after the kill", again:wait(1)[1].data)
      again:close()
    end
    for _, stream in ipairs(stayed) do assert.equal(2, #stream:events()) end
  end)

  it("hooks are told that they are lost, once each, and counts are right", function()
    local streams = open_streams(30)
    assert.equal(30, get "/count".events)
    local stayed, closed = kill_worker(0, streams)
    eventually(function() return times_logged "hook: gone %d+ lost events%." == #closed end)
    assert.equal(#stayed, get "/count".events)
    eventually(function()
      return get "/health".counters.streams == #stayed
    end)
    assert.equal(1, times_logged "hook: occupied events%.")
    assert.equal(0, times_logged "hook: vacant")
    for _, stream in ipairs(stayed) do stream:close() end
    eventually(function() return times_logged "hook: gone %d+ closed events%." == #stayed end)
    eventually(function() return times_logged "hook: vacant events%." == 1 end)
    assert.equal(30, times_logged "hook: gone")
  end)

  it("both at once, everything is vacant, and then goes on", function()
    local streams = open_streams(10, function(i)
      return i % 2 == 0 and "/rooms/a" or "/events"
    end)
    assert.same({ events = 5, room = 5 }, get "/count")
    for number = 0, 1 do uv.kill(one:children("worker " .. number).pid, "sigkill") end
    for _, stream in ipairs(streams) do stream:closed() end
    eventually(function()
      return times_logged "hook: vacant events%." == 1
        and times_logged "hook: vacant rooms/a%." == 1
    end)
    eventually(function() return times_logged "hook: gone %d+ lost" == 10 end)
    eventually(function() return times_logged "serves again" == 2 end)
    assert.same({ events = 0, room = 0 }, get "/count")
    local stream = sse.open { port = one.port, path = "/events" }
    publish "onward"
    assert.equal("onward", stream:wait(1)[1].data)
  end)

  it("with requests under way, nothing hangs and no other's answer is lost", function()
    local connections, worker = {}, one:children "worker 0"
    local before = proc.descriptors(worker.pid)
    for i = 1, 30 do
      connections[i] = http.raw(one.port)
      connections[i]:send(http.format { path = "/sleeps" })
    end
    eventually(function() return proc.descriptors(worker.pid) > before end)
    uv.kill(worker.pid, "sigkill")
    local answered, closed = 0, 0
    for _, connection in ipairs(connections) do
      local ok, whole = pcall(connection.response, connection)
      if ok then
        assert.equal("slept", whole.body)
        answered = answered + 1
      else
        assert.truthy(connection.ended)
        closed = closed + 1
      end
      connection:close()
    end
    assert.is_true(answered > 0 and closed > 0)
    -- Late answers for the dead one's numbers reach nobody.
    for _ = 1, 20 do
      local _, _, body = one:request { path = "/sleeps" }
      assert.equal("slept", body)
    end
    assert.is_nil(one:log():find "error")
  end)

  it("again and again, it is started again ever more slowly", function()
    local delays = { "0%.1 s", "0%.2 s", "0%.4 s" }
    for _, delay in ipairs(delays) do
      local worker
      eventually(function()
        worker = one:children "worker 1"
        return worker
      end)
      uv.kill(worker.pid, "sigkill")
      eventually(function()
        return one:log():find("worker 1 %(pid " .. worker.pid .. "%) ended: signal 9[^\n]*again in "
          .. delay)
      end)
    end
    eventually(function() return times_logged "worker 1 serves again" >= 1 end)
    local streams = open_streams(20)
    publish "all"
    for _, stream in ipairs(streams) do assert.equal("all", stream:wait(1)[1].data) end
  end)

  it("together with the brain, both come back", function()
    local streams = open_streams(20)
    uv.kill(one:children("worker 0").pid, "sigkill")
    uv.kill(one:children("brain").pid, "sigkill")
    eventually(function()
      return times_logged "in charge again" == 1 and times_logged "worker 0 serves again" == 1
    end)
    publish "all"
    local stayed = 0
    for _, stream in ipairs(streams) do
      eventually(function() return stream.connection.ended or #stream:events() == 1 end)
      if not stream.connection.ended then stayed = stayed + 1 end
    end
    assert.is_true(stayed > 0 and stayed < 20)
    assert.equal(stayed, get "/count".events)
  end)
end)
