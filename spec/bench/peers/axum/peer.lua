-- SPDX-License-Identifier: MIT
-- Forty lines of axum and tokio. The speed settings stand in src/main.rs and
-- Cargo.toml.
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "axum", title = "axum + broadcast" }

peer.lacks = { resume = "it keeps no history" }

local folder = server.folder .. "/peers/axum"
local program = folder .. "/release/axum-broadcast"

function peer.install(run)
  return run("cargo", { "build", "--release", "--quiet", "--locked",
                        "--manifest-path", "spec/bench/peers/axum/Cargo.toml",
                        "--target-dir", folder })
end

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  return process.start(program, { tostring(self.port) })
end

return peer
