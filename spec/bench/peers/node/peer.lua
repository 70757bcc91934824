-- SPDX-License-Identifier: MIT
-- Plain Node. Its speed settings stand in server.mjs.
local process = require "spec.bench.process"

local peer = { name = "node", title = "Node http" }

peer.lacks = { resume = "it keeps no history" }

function peer.install(run)
  return run("node", { "--version" })
end

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  return process.start("node", { "spec/bench/peers/node/server.mjs", tostring(self.port) })
end

return peer
