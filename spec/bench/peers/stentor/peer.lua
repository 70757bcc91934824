-- SPDX-License-Identifier: MIT
-- Our server, with the config of the README and one family of channels.
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "stentor", title = "Stentor", resumes = true, replays = "id" }

local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)

local events = channel "main" { replay = "10m" }
local topics = channel "topics/:id" { replay = "10m" }

route "GET /events/main"   { stream = events }
route "POST /publish/main" {
  respond = function(request) return 202, { id = events:publish(request.body) } end,
}
route "GET /events/:id" {
  stream = function(request) return topics(request.params.id) end,
}
route "POST /publish/:id" {
  respond = function(request)
    return 202, { id = topics(request.params.id):publish(request.body) }
  end,
}
]]

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  local path = server.folder .. "/stentor.lua"
  local text = (self.config or config):gsub("PORT", self.port):gsub("WORKERS", self.workers)
  server.write(path, text)
  return process.start(server.binary, { "run", path })
end

return peer
