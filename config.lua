-- This is the whole configuration of a Stentor server. Each word below is a
-- setting (a table in braces) or a decision (a function). Try a change with
-- `stentor check`: it names all mistakes at once, each with its line.

-- Where clients connect. For all of this machine's addresses: "0.0.0.0:3000".
listen "127.0.0.1:3000"

-- A sign of life for quiet streams, so that proxies do not close them. The
-- jitter spreads it, or all clients would be served in the same instant.
heartbeat { every = "15s", jitter = "20%" }

-- Kafka. "embedded" is one for trying things out, in a process of its own; for
-- yours: KAFKA_BROKERS=host:9092 stentor run.
local bus = kafka { brokers = env.KAFKA_BROKERS or "embedded" }

-- A channel is a line of events. A client that reconnects is sent what it has
-- missed, as far back as `replay` says: a time, a number of events, or "all".
-- Each event is also copied `into` a topic.
local events = channel "events" { replay = "10m", into = bus:topic "events" }

-- What the records of the topic add up to. It goes on exactly where it was when
-- a process is killed.
local totals = aggregate "totals" {
  from = bus:topic "events",
  fold = { count = count(), last = last "payload.date", times = max "payload.times" },
}

-- Who asks for this path gets a stream of the channel's events:
--   curl -N http://127.0.0.1:3000/events
route "GET /events" { stream = events }

-- Any JSON that is posted here goes to all who listen:
--   curl -d '{"hello":"world"}' http://127.0.0.1:3000/publish
-- The function returns status, body, headers; a table becomes JSON.
-- request:json() answers 400 by itself when the body is not JSON.
route "POST /publish" {
  respond = function(request)
    return 202, { id = events:publish(request:json()) }
  end,
}

-- How Kafka is, and what is in it:
--   curl http://127.0.0.1:3000/kafka/status
route "GET /kafka/status" {
  respond = function()
    local status = bus:status()
    status.consumer.currentAggregation = totals:value()
    return 200, status
  end,
}

-- Plugins are files in plugins/ beside this one, or came with the program.
plugin "health" { path = "/" }                      -- status, list of routes
plugin "ticker" { channel = events, every = "1s" }  -- something to look at
