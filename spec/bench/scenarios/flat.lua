-- SPDX-License-Identifier: MIT
-- As fast as it goes: six publishes in flight, the next as soon as one is
-- answered. With many more the publisher runs away from the load clients, which
-- share two cores with the server, and what is measured is how they fall behind.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local flat = {
  title = "flat out",
  about = "6 publishes in flight, the next as soon as one is answered",
}

function flat.measure(peer, size)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.clients, rate = "max", in_flight = 6, size = 100,
      duration = math.ceil(size.seconds * 0.8) .. "s" })))
  end)
end

function flat.rows(size)
  return {
    figure.more(("deliveries/s, %d clients, 6 in flight"):format(size.clients), "per_s",
                figure.count, { { floor = 6e6, text = "≥ 6 M" },
                                { floor = 2, of = { "durable" } },
                                { floor = 30, of = { "bare" } } }),
    figure.less("CPU a delivery", "cpu_us", figure.micro),
    figure.complete,
  }
end

return flat
