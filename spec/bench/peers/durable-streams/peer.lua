-- SPDX-License-Identifier: MIT
-- durable-streams, the server in Rust with a shared log:
-- github.com/electric-sql/electric, packages/durable-streams-rust.
local http = require "spec.bench.http"
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "durable", title = "durable-streams" }

local VERSION = "0.1.5"
local folder = server.folder .. "/peers/durable-streams"
local program = folder .. "/bin/durable-streams-server"

-- Its listener has a backlog of 128: more at once are dropped by the kernel,
-- and come back a second later, which would be measured as its slowness.
peer.connects = 64

-- Its events have no id (PROTOCOL.md 5.8: the offset comes in an event of its
-- own, "control"), so an EventSource cannot resume. A replay is asked for by
-- offset, as its own clients do.
peer.replays = "path"

-- What came in one turn is one event, a JSON array of all, then a control event:
--   event: data LF data:[…] LF LF, 21 bytes with the brackets;
--   event: control LF data:{"streamNextOffset":"(33)","streamCursor":"(7)",
--   "upToDate":true} LF LF; both of them in one chunk.
peer.merges = { event_bytes = 21 + 7, other_bytes = 119 }

function peer.install(run)
  return run("cargo", { "install", "durable-streams", "--version", VERSION, "--locked", "--quiet",
                        "--root", folder, "--target-dir", folder .. "/target" }, program)
end

function peer.stream_path(channel) return ("/%s?offset=now&live=sse"):format(channel) end

function peer.replay_path(channel) return ("/%s?offset=-1&live=sse"):format(channel) end

function peer.publish_path(channel) return "/" .. channel end

-- The fastest of its settings, README.md, "Flags", "Durability": "memory — no
-- WAL, no fsync; … ack on the page-cache write"; our journal is in memory too.
-- --tail-cache-bytes stays 0: "Off by default on Linux (sendfile is already
-- fast)", "Read path" there; and the reactor that serves live SSE never looks
-- into that cache (src/sse_reactor.rs, 0.1.5).
function peer.start(self)
  self.data = server.own_folder("peers/durable-streams/data")
  return process.start(program, { "--host", "127.0.0.1", "--port", tostring(self.port),
                                  "--data-dir", self.data, "--durability", "memory" })
end

-- A stream must be created before it can be read.
function peer.prepare(self, channels)
  for _, channel in ipairs(channels) do
    http.send(self.port, "PUT", peer.publish_path(channel))
  end
end

function peer.ready(self) peer.prepare(self, { "main" }) end

function peer.clean(self)
  if self.data then process.finish(process.start("rm", { "-rf", self.data }), 30) end
end

return peer
