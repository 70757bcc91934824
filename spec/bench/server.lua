-- SPDX-License-Identifier: MIT
-- A running server: one of the peers, started for one scenario and stopped
-- after it. What a peer is: spec/bench/peers.lua.
local uv = require "luv"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"

local server = { binary = "build/release/stentor", folder = "build/bench" }

local START_S = 15

function server.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- Starts it on a port of its own. `workers` is for those that can be told, and
-- `config` for ours: another config.lua than that of peers/stentor.
function server.start(peer, workers, config)
  local self = { peer = peer, port = process.free_port(), workers = workers or 1, config = config,
                 started = {} }
  local passed, failure = pcall(function()
    self.process = peer.start(self)
    process.wait_for_port(self.port, self.process, START_S)
    if peer.ready then peer.ready(self) end
    process.sleep(0.3)
    local exposed = proc.exposed(proc.family(self.process.pid))
    if exposed then
      error(("%s listens on %s, not on loopback only"):format(peer.title, exposed), 0)
    end
  end)
  if not passed then
    server.stop(self)
    error(failure, 0)
  end
  return self
end

-- A process that the server needs beside it, for example an origin: stopped
-- with it, but not counted.
function server.beside(self, program, arguments, folder)
  local started = process.start(program, arguments, folder)
  table.insert(self.started, started)
  return started
end

function server.stop(self)
  if self.process and not process.stop(self.process) then
    io.stderr:write(("bench: %s had to be killed\n"):format(self.peer.title))
  end
  for _, started in ipairs(self.started) do process.stop(started) end
  if self.peer.clean then self.peer.clean(self) end
end

-- Calls `work` with a server that is stopped whatever happens.
function server.with(peer, workers, work, config)
  local self = server.start(peer, workers, config)
  local finished, result = pcall(work, self)
  server.stop(self)
  if not finished then error(result, 0) end
  return result
end

function server.stream_path(self, channel)
  return self.peer.stream_path(channel or "main")
end

function server.publish_path(self, channel)
  return self.peer.publish_path(channel or "main")
end

-- A folder of its own under build/bench, empty.
function server.own_folder(name)
  local path = ("%s/%s/%s"):format(uv.cwd(), server.folder, name)
  process.finish(process.start("rm", { "-rf", path }), 30)
  process.finish(process.start("mkdir", { "-p", path }), 30)
  return path
end

return server
