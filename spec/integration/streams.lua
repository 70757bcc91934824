-- SPDX-License-Identifier: MIT
--- What the specs of streams share: a server with a few channels, and what is
-- published to and expected of them.
local assert = require "luassert"
local cjson = require "cjson"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local streams = {}

streams.config = [[
workers(1)
journal { size = "1M" }
limits { client_lag = "256k" }
heartbeat { every = "200ms" }
local events = channel "events" { replay = "all" }
local few = channel "few" { replay = 3 }
local state = channel "state" { replay = "all", key = "k", latest = true }
local board = { events = events, few = few, state = state }
local counts = {}
on("subscribe", function(client) log.info("begun " .. client.id) end)
on("unsubscribe", function(client, ended)
  log.info("ended " .. ended.reason .. " " .. ended.bytes .. " " .. (ended.last_id or "none"))
end)
route "GET /events" { stream = events, retry = "2s" }
route "GET /few" { stream = few, since = "all" }
route "GET /last" { stream = events, since = 2 }
route "GET /all" { stream = events, since = "all" }
route "GET /skip" { stream = events, lagging = "skip" }
route "GET /skip-both" { stream = { events, few }, lagging = "skip",
  limits = { client_lag = "128k" } }
route "GET /conflate" { stream = state, lagging = "conflate" }
route "GET /near" { stream = events, limits = { client_lag = "16k" } }
route "GET /both" { stream = { events, few } }
route "GET /state" { stream = state }
route "GET /state-and-events" { stream = { state, events } }
route "POST /publish/:name" { respond = function(request)
  return 202, { id = board[request.params.name]:publish(request:json()) }
end }
-- More than the ring holds, a little after the answer.
local storm = false
every("300ms", function()
  if not storm then return end
  storm = false
  for n = 1, 1500 do events:publish { storm = n, filling = ("x"):rep(1000) } end
  log.info "the storm is over"
end)
route "POST /storm" { respond = function() storm = true return 202, {} end }
-- So many events at once: { count = 100, size = 1000 }.
route "POST /burst/:name" { respond = function(request)
  local name, want, first, last = request.params.name, request:json(), nil, nil
  for _ = 1, want.count do
    counts[name] = (counts[name] or 0) + 1
    last = board[name]:publish { n = counts[name], filling = ("x"):rep(want.size or 10),
      k = want.keys and counts[name] % want.keys }
    first = first or last
  end
  return 202, { first = first, last = last, n = counts[name] }
end }
]]

local one

--- Starts a server; `change` may alter the config's text first.
function streams.start(change)
  one = server.start(change and change(streams.config) or streams.config)
  return one
end

function streams.publish(name, data)
  local status, _, body = one:request {
    method = "POST", path = "/publish/" .. name, body = cjson.encode(data),
    headers = { ["Content-Type"] = "application/json" },
  }
  assert.equal(202, status)
  return cjson.decode(body).id
end

function streams.burst(name, count, size, keys)
  local status, _, body = one:request {
    method = "POST", path = "/burst/" .. name,
    body = cjson.encode { count = count, size = size, keys = keys },
    headers = { ["Content-Type"] = "application/json" },
  }
  assert.equal(202, status, body)
  return cjson.decode(body)
end

function streams.open(path, request)
  request = request or {}
  request.port, request.path = one.port, path
  return sse.open(request)
end

function streams.datas(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = event.data end
  return list
end

function streams.gap_of(event)
  assert.equal("gap", event.event)
  return cjson.decode(event.data)
end

--- The numbers of a burst's events: each one more than the one before it.
function streams.assert_unbroken(events, first)
  for i, event in ipairs(events) do
    local n = event.data:match '"n":(%d+)'
    if tonumber(n) ~= first + i - 1 then
      error(("event %d is number %s, not %d"):format(i, tostring(n), first + i - 1))
    end
  end
end

function streams.seq_of(id)
  return tonumber(id:gsub("-", ""):sub(20), 16)
end

--- Each event's position is the one after that of the event before it, but at
-- the gap. For a stream of all there is.
function streams.assert_steps(events, gap)
  for i = 2, #events do
    if i ~= gap then
      assert.equal(streams.seq_of(events[i - 1].id) + 1, streams.seq_of(events[i].id))
    end
  end
end

function streams.gap_at(events)
  for i, event in ipairs(events) do
    if event.event == "gap" then return i end
  end
end

return streams
