-- This is the whole configuration of a Stentor server. Each word below is a
-- setting (a table in braces) or a decision (a function). Try a change with
-- `stentor check`: it names all mistakes at once, each with its line.

-- Where clients connect. For all of this machine's addresses: "0.0.0.0:3000".
listen "127.0.0.1:3000"

-- A sign of life for quiet streams, so that proxies do not close them. The
-- jitter spreads it, or all clients would be served in the same instant.
heartbeat { every = "15s", jitter = "20%" }

-- A channel is a line of events. A client that reconnects is sent what it has
-- missed, as far back as `replay` says: a time, a number of events, or "all".
local events = channel "events" { replay = "10m" }

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

-- Plugins are files in plugins/ beside this one, or came with the program.
plugin "health" { path = "/" }                      -- status, list of routes
plugin "ticker" { channel = events, every = "1s" }  -- something to look at
