-- SPDX-License-Identifier: MIT
-- An everyday load: fewer clients, more events, most of the machine idle.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local latency = {
  title = "everyday",
  about = "50 events a second to 1,000 clients: an everyday load",
}

function latency.measure(peer, size)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.everyday, rate = 50, duration = size.seconds .. "s", size = 100 })))
  end)
end

function latency.rows(size)
  local goals = { { ceiling = 1.0, of = { "bare", "durable" } } }
  return {
    figure.less(("latency p50, %d clients, 50 events/s"):format(size.everyday), "p50",
                figure.milli, goals),
    figure.less("latency p99", "p99", figure.milli, goals),
    figure.less("CPU a delivery", "cpu_us", figure.micro),
    figure.complete,
  }
end

return latency
