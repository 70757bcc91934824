-- SPDX-License-Identifier: MIT
-- Events of 8 KB: the copy into the socket begins to count.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local large = {
  title = "8 KB events",
  about = "4 events a second of 8 KB",
}

function large.measure(peer, size)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.clients, rate = 4, size = 8192, duration = size.seconds .. "s" })))
  end)
end

function large.rows(size)
  return {
    figure.less(("CPU a delivery, %d clients, 4 events/s"):format(size.clients), "cpu_us",
                figure.micro),
    figure.less("latency p50", "p50", figure.milli),
    figure.less("latency p99", "p99", figure.milli),
    figure.complete,
  }
end

return large
