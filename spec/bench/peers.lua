-- SPDX-License-Identifier: MIT
-- The servers that are measured. Each is a folder of spec/bench/peers with its
-- config or source and a peer.lua, a table with
--
--   name, title          how the command line and the tables call it
--   install(run)         makes it ready below build/bench/peers; nil, or why not.
--                        run(program, arguments, made) runs a program, unless the
--                        file `made` is there; nil, or why not
--   always               it needs nothing that our own build does not
--   start(server)        the started process, serving on server.port of 127.0.0.1
--   ready(server)        what it needs once it listens
--   prepare(server, channels)  … before channels can be used
--   clean(server)        after it was stopped
--   stream_path(channel), publish_path(channel)
--   resumes              its events have ids that an EventSource resumes from
--   replays              how a history is asked for: by "id", or by "path"
--                        (replay_path); nil if it keeps none
--   connects             connects in flight that it bears
--   merges               events that gather become one (see load.lua)
--   lacks                scenario → why it cannot take part
local process = require "spec.bench.process"
local uv = require "luv"

local peers = {
  order = { "stentor", "bare", "durable", "nchan", "bun", "axum", "node", "pushpin" },
}

local INSTALL_S = 1800
local folders = { durable = "durable-streams" }

function peers.get(name)
  return require(("spec.bench.peers.%s.peer"):format(folders[name] or name))
end

function peers.exists(name)
  for _, known in ipairs(peers.order) do
    if known == name then return true end
  end
  return false
end

local function run(program, arguments, made)
  if made and uv.fs_stat(made) then return nil end
  local passed, output, code = pcall(function()
    return process.finish(process.start(program, arguments), INSTALL_S)
  end)
  if not passed then return tostring(output) end
  if code ~= 0 then
    return ("%s ended with code %d; see %s"):format(program, code, process.log)
  end
  return nil
end

-- Makes it ready. Nil, or why it cannot be had.
function peers.install(peer)
  return peer.install and peer.install(run) or nil
end

return peers
