-- SPDX-License-Identifier: MIT
-- The yardstick: what broadcasting costs when nothing is done but write(). It
-- has no speed settings; TCP_NODELAY and the backlog are in its source.
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "bare", title = "bare loop" }

peer.lacks = {
  channels = "it has one channel",
  resume = "it keeps no history",
}

local program = server.folder .. "/broadcast_loop"

function peer.install(run)
  return run("cc", { "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program,
                     "spec/bench/broadcast_loop.c" })
end

peer.always = true -- needs no more than what builds our server

function peer.stream_path() return "/events" end

function peer.publish_path() return "/publish" end

function peer.start(self)
  return process.start(program, { tostring(self.port) })
end

return peer
