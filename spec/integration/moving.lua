-- SPDX-License-Identifier: MIT
--- What the specs of moving share: a server whose number of workers changes, and
-- clients that notice nothing.
local assert = require "luassert"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local response = require "spec.support.response"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local moving = {}

local config = [[
listen { "127.0.0.1:$PORT", trust_proxy = { "127.0.0.1" } }
workers(3)
heartbeat { every = env.QUIET and "1h" or "300ms" }
limits { client_lag = "64M", client_lag_time = "5m", event = "4M", body = "4M" }
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
route "GET /beats" {
  stream = events, heartbeat = { every = "200ms", event = "beat", text = "dum" },
}
route "GET /both" { stream = function() return { events, rooms "a" } end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "GET /count" { respond = function() return 200, { events = events:count() } end }
route "GET /last" { respond = function()
  local newest = events:recent(1)[1]
  return 200, { id = newest and newest.id or "none" }
end }
route "GET /sleeps" { respond = function() sleep "400ms" return 200, "slept" end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

local one, published

function moving.logged(text)
  local _, times = one:log():gsub(text, "")
  return times
end

function moving.start(environment)
  local faulty = environment and environment.STENTOR_FAULT_FILE
  one = server.start { config = config, env = environment,
    binary = faulty and server.binary .. "-faults" }
  published = 0
  return one
end

-- No two places in it look alike, so that a byte in a wrong place shows.
local digits = {}
for i = 1, 550000 do digits[i] = i end
digits = table.concat(digits, " ")

--- Publishes the next number, with so many bytes behind it.
function moving.publish(filling)
  published = published + 1
  local status = one:request { method = "POST", path = "/publish",
    body = published .. " " .. digits:sub(1, filling or 1) }
  assert.equal(202, status)
end

function moving.health()
  local _, _, body = one:request { path = "/health" }
  return cjson.decode(body).counters
end

--- Changes the config and has it read again.
function moving.resize(count)
  local workers = "workers(" .. count .. ")"
  local run = one:reload((one:config_text():gsub("workers%(%d+%)", workers)))
  assert.equal("", run.err, one:log())
  assert.equal(0, run.code)
end

function moving.worker_count()
  local count = 0
  for _, child in ipairs(one:children()) do
    if child.role:find "^worker" then count = count + 1 end
  end
  return count
end

--- Publishes until there are `count` workers and no more.
function moving.settle(count)
  eventually(function()
    moving.publish()
    return moving.worker_count() == count and moving.health().connections > 0
  end)
  eventually(function() return moving.logged "worker %d serves" >= count - 1 end)
end

function moving.number_of(event)
  return tonumber(event.data:match "^%d+")
end

--- Each has all numbers from its first one to the last, and is open.
function moving.assert_whole(streams, first)
  for _, stream in ipairs(streams) do
    stream:wait(published - first + 1)
    assert.is_nil(stream.connection.ended)
    for i, event in ipairs(stream:events()) do
      if moving.number_of(event) ~= first + i - 1 then
        error(("event %d is number %s"):format(i, event.data:sub(1, 20)))
      end
    end
  end
end

function moving.open_streams(count, path)
  local list = {}
  for i = 1, count do
    list[i] = sse.open { port = one.port, path = path or "/events",
      version = i % 5 == 0 and "1.0" or "1.1" }
  end
  return list
end

local function without_heartbeats(bytes)
  return (bytes:gsub("2\r\n:\n\r\n", ""))
end

--- All that came behind the head, but for heartbeats.
local function body(connection)
  return without_heartbeats(connection:received():match "\r\n\r\n(.*)$")
end

--- Waits until each of the streams, opened before anything was published, has
-- what one has that begins now with all.
function moving.assert_same_bytes(streams)
  local whole = sse.open { port = one.port, path = "/events?since=all" }
  local last
  eventually(function()
    last = whole:last_id()
    return #last > 0 and (cjson.decode(select(3, one:request { path = "/last" })).id == last)
  end)
  local done = {}
  local function is_whole(stream)
    -- The last event is a small one.
    local bytes = done[stream] or without_heartbeats(stream:received():sub(-8000))
    done[stream] = bytes:sub(-4) == "\n\n\r\n" and bytes:find(last, 1, true) and bytes
    return done[stream]
  end
  eventually(function()
    for i, stream in ipairs(streams) do
      if not is_whole(stream) then
        error(("stream %d: %s, %d bytes, the last: %s"):format(i, stream.ended or "open",
          #stream:received(), stream:received():sub(-80)))
      end
    end
    return true
  end)
  local first = body(streams[1])
  local events = sse.parse((response.unchunk(first)))
  assert.equal(#whole:events(), #events)
  for i, event in ipairs(whole:events()) do assert.equal(event.id, events[i].id) end
  for _, stream in ipairs(streams) do
    assert.is_nil(stream.ended)
    assert.is_true(body(stream) == first)
  end
  whole:close()
end

function moving.open_raw(count, options)
  local streams = {}
  for i = 1, count do
    streams[i] = http.raw(one.port, options)
    streams[i]:send(http.format { path = "/events" })
  end
  for _, stream in ipairs(streams) do stream:receive "\r\n\r\n" end
  return streams
end

--- How many were published, by moving.publish.
function moving.published()
  return published
end

return moving
