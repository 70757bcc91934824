-- SPDX-License-Identifier: MIT
-- Bun, from npm. Its speed settings stand in server.mjs.
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "bun", title = "Bun" }

peer.lacks = { resume = "it keeps no history" }

local folder = server.folder .. "/peers/bun"
local program = folder .. "/node_modules/.bin/bun"

function peer.install(run)
  return run("npm", { "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent",
                      "bun@1.4.5" }, program) or
         run(program, { "--version" })
end

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  return process.start(program, { "spec/bench/peers/bun/server.mjs", tostring(self.port) })
end

return peer
