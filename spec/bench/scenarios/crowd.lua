-- SPDX-License-Identifier: MIT
-- More clients than one process has descriptors for: three workers. They
-- connect as fast as they are let in, and then each gets every event.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local crowd = {
  title = "crowd",
  about = "50,000 clients at once on three workers, 256 connects on their way; then an event a "
    .. "second",
  alone = true,
}

local WORKERS = 3

function crowd.measure(peer, size)
  return server.with(peer, WORKERS, function(self)
    local report = load.run(self, load.publishing(self, {
      connections = size.crowd, rate = 1, size = 100, in_flight_connects = 256,
      duration = size.seconds .. "s" }))
    local figures = figure.of(self, report)
    figures.connects, figures.p95 = report.connect_per_s, report.first_byte_ms.p95
    return figures
  end)
end

function crowd.rows(size)
  return {
    figure.more(("connects/s, %d clients, %d workers"):format(size.crowd, WORKERS), "connects",
                figure.count, { { floor = 30000, text = "≥ 30 k" } }),
    figure.less("first byte p95", "p95", figure.milli, { { ceiling = 200, text = "≤ 200 ms" } }),
    figure.less("CPU a delivery", "cpu_us", figure.micro),
    figure.complete,
  }
end

return crowd
