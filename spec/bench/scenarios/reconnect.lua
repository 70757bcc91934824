-- SPDX-License-Identifier: MIT
-- Half of all clients leave and come back every second while events go on. Who
-- has ids resumes; the others begin anew, and what they miss is not counted.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local reconnect = {
  title = "reconnect storm",
  about = "half of all clients leave and come back each second while events go on",
}

function reconnect.measure(peer, size)
  return server.with(peer, 1, function(self)
    local report = load.run(self, load.publishing(self, {
      connections = size.clients, rate = 8, size = 100, duration = size.seconds .. "s",
      reconnect = "2s", resume = peer.resumes }))
    local connections, deliveries = report.connections, report.deliveries
    local problems = deliveries.lost + deliveries.duplicated + deliveries.reordered +
                     deliveries.gaps
    local fault
    if connections.failed > 0 then
      fault = ("%d connects failed"):format(connections.failed)
    elseif not peer.resumes then
      fault = "cannot resume"
    elseif problems > 0 then
      fault = ("%d lost, %d double"):format(deliveries.lost, deliveries.duplicated)
    end
    return { cpu_us = load.microseconds(report), per_s = connections.reconnects / report.duration_s,
             p99 = report.latency_ms.count > 0 and report.latency_ms.p99 or nil,
             byte = report.first_byte_ms.p99, fault = fault, report = report }
  end)
end

function reconnect.rows(size)
  return {
    figure.more(("reconnects/s, %d clients, once in 2 s each"):format(size.clients), "per_s",
                figure.count),
    figure.less("latency p99 of live events", "p99", figure.milli),
    figure.less("CPU a delivery, reconnects included", "cpu_us", figure.micro),
    figure.complete,
  }
end

return reconnect
