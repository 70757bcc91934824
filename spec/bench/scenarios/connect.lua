-- SPDX-License-Identifier: MIT
-- From connect() to the first byte of the answer. A crowd that one process has
-- not the descriptors for is only for those that can have several.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local connect = {
  title = "connect rate",
  about = "as fast as it goes, 256 on their way at once, from connect() to the first byte",
}

local CROWD_WORKERS = 3

local function measure(peer, workers, clients)
  return server.with(peer, workers, function(self)
    local report = load.run(self, { connections = clients, duration = "300ms" })
    local failed = report.connections.failed
    return { per_s = report.connect_per_s, p95 = report.first_byte_ms.p95,
             max = report.first_byte_ms.max, report = report,
             cpu_us = report.server.cpu_all_s / report.connections.opened * 1e6,
             fault = failed > 0 and ("%d clients failed"):format(failed) or nil }
  end)
end

function connect.measure(peer, size)
  local figures = measure(peer, 1, size.clients)
  if peer.name == "stentor" then
    local crowd = measure(peer, CROWD_WORKERS, size.crowd)
    figures.crowd_per_s, figures.crowd_p95, figures.crowd = crowd.per_s, crowd.p95, crowd.report
    figures.fault = figures.fault or crowd.fault
  end
  return figures
end

function connect.rows(size)
  local crowd = ("%d clients, %d workers"):format(size.crowd, CROWD_WORKERS)
  return {
    figure.more(("connects/s, %d clients"):format(size.clients), "per_s", figure.count,
                { { floor = 1, of = { "durable" } } }),
    figure.less("first byte p95", "p95", figure.milli),
    figure.less("CPU a connect and close", "cpu_us", figure.micro),
    figure.more("connects/s, " .. crowd, "crowd_per_s", figure.count,
                { { floor = 30000, text = "≥ 30 k" } }),
    figure.less("first byte p95, " .. crowd, "crowd_p95", figure.milli,
                { { ceiling = 200, text = "≤ 200 ms" } }),
  }
end

return connect
