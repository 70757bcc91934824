-- SPDX-License-Identifier: MIT
-- Nothing but heartbeats: of each client four a minute, without jitter, which
-- would make them more.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local idle = {
  title = "heartbeats",
  about = "100,000 streams with nothing but a heartbeat every 15 s, for a minute",
  alone = true,
}

-- A worker has descriptors for so many, with room for the uneven dealing-out.
local CLIENTS_A_WORKER = 17000

local config = [[
listen "127.0.0.1:PORT"
workers(WORKERS)
heartbeat { every = "15s", jitter = "0%" }
local events = channel "main" {}
route "GET /events/main" { stream = events }
route "POST /publish/main" {
  respond = function(request) return 202, { id = events:publish(request.body) } end,
}
]]

function idle.measure(peer, size)
  local workers = math.ceil(size.idle / CLIENTS_A_WORKER)
  return server.with(peer, workers, function(self)
    local report = load.run(self, { connections = size.idle, duration = size.idle_seconds .. "s" })
    local connections = report.connections
    return { cpu_s = report.server.cpu_s, all = report.server.pss_bytes, report = report,
             share = report.server.cpu_s / report.duration_s * 100,
             fault = connections.failed > 0
               and ("%d clients failed"):format(connections.failed) or nil }
  end, config)
end

function idle.rows(size)
  return {
    figure.less(("CPU in %d s, %d clients"):format(size.idle_seconds, size.idle), "cpu_s",
                figure.second, { { ceiling = 5, text = "≤ 5 s" } }),
    figure.less("that is, of a core", "share", figure.percent),
    figure.less("user memory in all", "all", figure.mega),
  }
end

return idle
