-- SPDX-License-Identifier: MIT
-- All clients are closed at the same moment, as when a proxy in front falls
-- over, and all come back at the same moment, with the ids of what they had.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local storm = {
  title = "storm",
  about = "45,000 clients on three workers, all closed at once, all back at once; events go on",
  alone = true,
}

local WORKERS = 3

local function count_of(size) return math.floor(size.crowd * 0.9) end

function storm.measure(peer, size)
  return server.with(peer, WORKERS, function(self)
    local clients = count_of(size)
    local report = load.run(self, load.publishing(self, {
      connections = clients, in_flight_connects = clients, rate = 4, size = 100, resume = true,
      storm = "1s", timeout = "30s", duration = size.seconds + 4 .. "s" }))
    local back, connections = report.back_ms, report.connections
    local deliveries, fault = report.deliveries, nil
    if connections.failed > 0 then
      fault = ("%d connects failed"):format(connections.failed)
    elseif connections.resumed < clients or back.count < clients then
      fault = ("only %d of %d are back"):format(back.count, clients)
    elseif deliveries.lost + deliveries.duplicated + deliveries.reordered + deliveries.gaps > 0 then
      fault = ("%d lost, %d double"):format(deliveries.lost, deliveries.duplicated)
    end
    return { p50 = back.p50, max = back.max, fault = fault, report = report,
             byte = report.first_byte_ms.p99, lag = report.lag_ms.max,
             cpu_us = report.server.cpu_all_s / connections.opened * 1e6 }
  end)
end

function storm.rows(size)
  local clients = ("%d clients"):format(count_of(size))
  return {
    figure.less("back with an event, the last of " .. clients, "max", figure.milli,
                { { ceiling = 5000, text = "≤ 5 s" } }),
    figure.less("the same, p50", "p50", figure.milli),
    figure.less("first byte p99", "byte", figure.milli),
    figure.less("how late the load clients were, at most", "lag", figure.milli),
    figure.less("CPU a connect, all events and closes included", "cpu_us", figure.micro),
    figure.complete,
  }
end

return storm
