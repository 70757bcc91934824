-- SPDX-License-Identifier: MIT
-- One event at a time, far enough apart that each is a pass of its own: a
-- server that is late could write two at once and look cheaper than it is. The
-- bare loop needs 6 µs a delivery here, so 8 a second are half a core.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local paced = {
  title = "paced",
  about = "8 events a second, one at a time",
}

function paced.measure(peer, size)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.clients, rate = 8, duration = size.seconds .. "s", size = 100 })))
  end)
end

function paced.rows(size)
  return {
    figure.less(("CPU a delivery, %d clients, 8 events/s"):format(size.clients), "cpu_us",
                figure.micro, { { ceiling = 1.05, of = { "bare" } },
                                { ceiling = 0.8, of = { "durable" } },
                                { ceiling = 0.65, of = { "nchan" } } }),
    figure.less("latency p50", "p50", figure.milli),
    figure.less("latency p99", "p99", figure.milli),
    figure.complete,
  }
end

return paced
