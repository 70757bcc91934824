-- SPDX-License-Identifier: MIT
-- Forty events within 40 ms, each on a connection of its own, and then
-- silence: how long until everybody has everything?
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local burst = {
  title = "burst",
  about = "40 events within 40 ms, each on a connection of its own, then silence",
}

function burst.measure(peer, size)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.clients, rate = 1000, events = 40, in_flight = 64, duration = "20s",
      size = 100 })))
  end)
end

function burst.rows(size)
  return {
    figure.less(("latency p50, %d clients, 40 events in 40 ms"):format(size.clients), "p50",
                figure.milli),
    figure.less("until the last has the last", "max", figure.milli),
    figure.less("CPU a delivery", "cpu_us", figure.micro),
    figure.complete,
  }
end

return burst
