-- SPDX-License-Identifier: MIT
-- The paced load, dealt out to many channels: each has its own listeners and
-- its own publisher.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local channels = {
  title = "many channels",
  about = "the paced load dealt out to 40 channels, each with its own listeners and publisher",
}

local function sum_up(self, reports, figures)
  local sum = { delivered = 0, p99 = 0, p50 = {} }
  for _, report in ipairs(reports) do
    sum.delivered = sum.delivered + report.delivered
    sum.p99 = math.max(sum.p99, report.latency_ms.p99)
    sum.p50[#sum.p50 + 1] = report.latency_ms.p50
    sum.fault = sum.fault or load.fault(self, report)
  end
  table.sort(sum.p50)
  sum.cpu_us = figures.cpu_s / sum.delivered * 1e6
  sum.p50 = sum.p50[math.ceil(#sum.p50 / 2)]
  return sum
end

function channels.measure(peer, size)
  local names, runs = {}, {}
  for i = 1, size.channels do names[i] = "c" .. i end
  return server.with(peer, 1, function(self)
    if peer.prepare then peer.prepare(self, names) end
    for i, name in ipairs(names) do
      -- The ramp makes them all ready at about the same time.
      runs[i] = load.publishing(self, {
        channel = name, connections = size.clients / size.channels, rate = 8, ramp = "1s",
        duration = size.seconds .. "s", size = 100, in_flight = 2, in_flight_connects = 8 })
    end
    return sum_up(self, load.run_all(self, runs))
  end)
end

function channels.rows(size)
  return {
    figure.less(("CPU a delivery, %d channels × %d clients, 8 events/s each"):format(
      size.channels, size.clients / size.channels), "cpu_us", figure.micro),
    figure.less("latency p50, of the middle channel", "p50", figure.milli),
    figure.less("latency p99, of the worst channel", "p99", figure.milli),
    figure.complete,
  }
end

return channels
