-- SPDX-License-Identifier: MIT
-- What the fault runs serve. The harness puts its figures in for the words that
-- begin with a dollar.
local payload = require "payload"

listen "127.0.0.1:$PORT"
workers(tonumber "$WORKERS")
journal { size = "4M" } -- little: who is away for some seconds has lost something
-- Room for a burst; and fewer channels than there are rooms.
limits { client_lag = "2M", channels = 40 }
supervise { brain_timeout = "2s" }
heartbeat { every = "500ms", jitter = "20%", id = true }

local channels = {
  a = channel "a" { replay = "all" },
  b = channel "b" { replay = "all" },
  big = channel "big" {
    replay = "all",
    key = function(event) return event.text:match "^%S+ (%S+)" end, -- the publisher
  },
}
local rooms = channel "rooms/:id" { replay = "all", idle = "1s" }

local function channel_of(name)
  return channels[name] or rooms(name)
end

route "GET /stream/a" { stream = channels.a, retry = "100ms" }
route "GET /stream/big" { stream = channels.big, retry = "100ms" }
route "GET /stream/some" { stream = { channels.a, channels.big }, retry = "100ms" }
route "GET /stream/skipping" {
  stream = { channels.big, channels.b }, lagging = "skip", limits = { client_lag = "64k" },
  retry = "100ms",
}
route "GET /stream/conflated" {
  stream = channels.big, lagging = "conflate", limits = { client_lag = "64k" }, retry = "100ms",
}
route "GET /stream/all" {
  stream = function()
    return { channels.a, channels.b, channels.big, rooms "blue" }
  end,
  retry = "100ms",
}
route "GET /stream/rooms/:id" {
  stream = function(request) return rooms(request.params.id) end,
  retry = "100ms",
}

-- For who has to find out why a stream ended.
on("unsubscribe", function(client, ended)
  if ended.reason ~= "closed" then
    log.info("a stream has ended", {
      channel = client.channels[1].name, reason = ended.reason, bytes = ended.bytes,
      seconds = ended.seconds, last_id = ended.last_id,
    })
  end
end)

-- Each event for itself: one that dies half way has published a beginning. One
-- that hangs has published all, and answers never.
route "POST /publish/:channel" {
  respond = function(request)
    local name, query = request.params.channel, request.query
    local ids = {}
    for n = tonumber(query.first), tonumber(query.last) do
      ids[#ids + 1] = channel_of(name):publish(payload.text(name, query.publisher, n))
    end
    while query.hang do end
    return 202, { ids = ids }
  end,
}

-- What each publisher has published on one channel: how many, and the sum of
-- their numbers.
local counted = aggregate "counted" {
  from = channels.a,
  window = "all",
  by = function(event) return event.text:match "^%S+ (%S+)" end,
  fold = {
    count = count(),
    sum = sum(function(event) return tonumber(event.text:match "^%S+ %S+ (%d+)") end),
  },
}
route "GET /counted" { respond = function() return 200, { all = counted:value() } end }

route "GET /generation" { respond = function() return 200, "$GENERATION" end }
plugin "health" { path = "/health" }
