-- SPDX-License-Identifier: MIT
-- From connect() to the first byte of the answer.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local connect = {
  title = "connect rate",
  about = "as fast as it goes, 256 on their way at once, from connect() to the first byte",
}

function connect.measure(peer, size)
  return server.with(peer, 1, function(self)
    local report = load.run(self, { connections = size.clients, duration = "300ms" })
    local failed = report.connections.failed
    return { per_s = report.connect_per_s, p95 = report.first_byte_ms.p95, report = report,
             cpu_us = report.server.cpu_all_s / report.connections.opened * 1e6,
             fault = failed > 0 and ("%d clients failed"):format(failed) or nil }
  end)
end

function connect.rows(size)
  return {
    figure.more(("connects/s, %d clients"):format(size.clients), "per_s", figure.count,
                { { floor = 1, of = { "durable" } } }),
    figure.less("first byte p95", "p95", figure.milli, { { ceiling = 200, text = "≤ 200 ms" } }),
    figure.less("CPU a connect and close", "cpu_us", figure.micro),
  }
end

return connect
