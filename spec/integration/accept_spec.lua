-- SPDX-License-Identifier: MIT
--- Who connects is answered, also while the worker in whose queue he stands is
-- dead, or has no descriptors left.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local process = require "spec.support.process"
local server = require "spec.support.server"

local config = [[
workers(2)
limits { idle_time = "30s", head_time = "20s" }
plugin "health" { path = "/health" }
local events = channel "events" {}
route "GET /events" { stream = events }
route "POST /publish" { respond = function() return 202, { id = events:publish "x" } end }
route "GET /hello" { respond = function() return 200, "hello" end }
]]

local one

local function logged(text)
  local _, times = one:log():gsub(text, "")
  return times
end

local function connect(count, path)
  local list = {}
  for i = 1, count do
    list[i] = http.raw(one.port)
    if path then
      list[i]:send(http.format { path = path, headers = { Accept = "text/event-stream" } })
    end
  end
  return list
end

local function close_all(list)
  for _, connection in ipairs(list) do connection:close() end
end

--- Kills worker 1 until it is left dead for `seconds`.
local function leave_dead(seconds)
  for delay in ("0.1 0.2 0.4 0.8 1.6 3.2"):gmatch "%S+" do
    local worker
    eventually(function()
      worker = one:children "worker 1"
      return worker
    end)
    if delay == seconds then uv.kill(worker.pid, "sigstop") end
    if delay == seconds then return worker end
    uv.kill(worker.pid, "sigkill")
    eventually(function()
      return one:log():find("pid " .. worker.pid .. "[^\n]*ended[^\n]*again in " .. delay)
    end)
    eventually(function() return one:children "worker 1" end)
  end
end

describe("while a worker is dead", function()
  after_each(server.stop_all)

  it("its queue is served by a sibling, and so is who comes then", function()
    one = server.start(config)
    local worker = leave_dead "1.6"
    -- It is stopped: about half of these stand in its queue.
    local queued = connect(40, "/hello")
    uv.kill(worker.pid, "sigkill")
    for _, connection in ipairs(queued) do assert.equal("hello", connection:response().body) end
    for _ = 1, 40 do
      local status = one:request { path = "/hello" }
      assert.equal(200, status)
    end
    assert.is_nil(one:children "worker 1")
    close_all(queued)
    -- And then it has its own queue again.
    local serves = logged "worker 1 serves again"
    eventually(function() return logged "worker 1 serves again" > serves end)
    uv.kill(one:children("worker 0").pid, "sigstop")
    local asked = connect(40, "/hello") -- the other half waits in worker 0's
    eventually(function()
      for _, connection in ipairs(asked) do
        if connection:received():find "hello" then return true end
      end
    end)
    uv.kill(one:children("worker 0").pid, "sigcont")
    close_all(asked)
  end)
end)

describe("with few descriptors", function()
  after_each(server.stop_all)

  --- Starts it with at most `count` descriptors in each process.
  local function start_with(count, limits)
    local folder = server.make_folder {
      stentor = ("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n"):format(count, server.binary),
    }
    assert(uv.fs_chmod(folder .. "/stentor", tonumber("755", 8)))
    local given = config:gsub("limits {", "%0" .. (limits or ""))
    one = server.start { config = given, binary = folder .. "/stentor" }
  end

  it("it says how many clients there is room for, and warns who asks for more", function()
    start_with(120)
    eventually(function() return logged "room for 152 clients" == 1 end)
    assert.equal(0, logged " warn ")
    one:stop()
    start_with(120, ' connections = "1k",')
    local warning = "limits.connections is 1000, [^\n]* enough for 152"
    eventually(function() return logged(warning) == 1 end)
    assert.equal(0, server.run({ "reload" }, { cwd = one.folder }).code)
    assert.equal(2, logged(warning))
  end)

  it("who finds none is refused survivably; nobody waits, nothing spins", function()
    start_with(120)
    local clients = connect(400, "/events")
    local streams, refused = 0, 0
    eventually(function()
      streams, refused = 0, 0
      for _, client in ipairs(clients) do
        local bytes = client:received()
        if bytes:find("chunked", 1, true) then streams = streams + 1 end
        if client.ended and bytes:find "HTTP/1.1 200.*retry: %d+" then refused = refused + 1 end
      end
      return streams + refused == 400 or error(streams .. " streams, " .. refused .. " refused")
    end)
    -- 90 % of 120 less what a worker needs for itself, twice.
    assert.is_true(streams > 100 and streams <= 2 * 79, streams)
    local _, _, body = one:request { path = "/health", headers = { Accept = "text/event-stream" } }
    assert.truthy(body:find "^retry: %d+\n\n$")
    close_all(clients)
    eventually(function()
      local status, _, text = one:request { path = "/health" }
      return status == 200 and cjson.decode(text).counters.streams == 0
    end)
  end)

  it("silent clients hold it up without a spin, and it goes on after them", function()
    start_with(120)
    local silent = connect(200)
    eventually(function() return logged "no more are accepted" > 0 end)
    local waiting = connect(20, "/hello")
    local worker = one:children "worker 0"
    local before, started = proc.cpu_seconds(worker.pid), uv.hrtime()
    eventually.stays(function() return true end, 0.5)
    local wall = (uv.hrtime() - started) / 1e9
    assert.is_true(proc.cpu_seconds(worker.pid) - before < wall / 4)
    close_all(silent)
    for _, connection in ipairs(waiting) do assert.equal("hello", connection:response().body) end
    close_all(waiting)
  end)

  it("one that has really none left refuses with its reserve, a sibling helps", function()
    one = server.start(config)
    local worker = one:children "worker 0"
    local run = process.run("prlimit", { "--pid", tostring(worker.pid), "--nofile=17:17" })
    assert.equal(0, run.code, run.err)
    local clients = connect(60, "/events")
    eventually(function()
      for _, client in ipairs(clients) do
        if not client:received():find "HTTP/1.1 200 OK" then return false end
      end
      return true
    end)
    assert.truthy(one:log():find "worker 0[^\n]*no more are accepted[^\n]*Too many open files")
    -- Few were refused: the sibling serves its queue as well.
    local streams = 0
    for _, client in ipairs(clients) do
      if client:received():find("chunked", 1, true) then streams = streams + 1 end
    end
    assert.is_true(streams >= 50, streams)
    close_all(clients)
  end)
end)
