-- SPDX-License-Identifier: MIT
-- What is measured, how, and what is to be reached. Each scenario starts its
-- own servers and returns rows: { what, ours, theirs, ratio, goal, good }.
-- Sizes come from `size`, so that a smoke check can be small.
local server = require "spec.bench.server"

local scenarios = { order = { "paced", "flat", "memory", "crowd" } }

-- Measures `work` with a server that is stopped whatever happens.
local function with(self, work)
  local finished, result = pcall(work, self)
  server.stop(self)
  if not finished then error(result, 0) end
  return result
end

-- All that a row about speed takes for granted. Says what is wrong, or nil.
local function fault(report)
  local connections, deliveries = report.connections, report.deliveries
  local expected = report.published.accepted * connections.wanted
  if connections.failed > 0 then
    return ("%d of %d clients failed"):format(connections.failed, connections.wanted)
  elseif deliveries.lost + deliveries.duplicated + deliveries.reordered + deliveries.gaps > 0 then
    return ("%d lost, %d duplicated, %d reordered, %d gaps"):format(deliveries.lost,
      deliveries.duplicated, deliveries.reordered, deliveries.gaps)
  elseif deliveries.count ~= expected then
    return ("%d deliveries, %d expected"):format(deliveries.count, expected)
  end
  return nil
end

local function complete(report)
  local why = fault(report)
  return { what = "every event once and in order, at every client",
           ours = why or ("%d × %d"):format(report.published.accepted, report.connections.opened),
           goal = "all", good = why == nil }
end

local function microseconds(report)
  return report.server_cpu_s / report.deliveries.count * 1e6
end

-- One event at a time, far enough apart that each is a pass of its own: a
-- server that is late could write two at once and look cheaper than it is.
-- The bare loop needs 6 µs a delivery here, so 8 a second are half a core.
function scenarios.paced(size)
  local options = { connections = size.clients, publish = "/publish", rate = 8,
                    duration = size.seconds .. "s", size = 100 }
  local function measure(self) return server.load(self, options) end
  local theirs = with(server.bare_loop(), measure)
  local ours = with(server.stentor("paced", 1), measure)
  local ratio = microseconds(ours) / microseconds(theirs)
  return {
    { what = ("server CPU a delivery, %d clients, paced"):format(size.clients),
      ours = ("%.2f µs"):format(microseconds(ours)),
      theirs = ("%.2f µs"):format(microseconds(theirs)),
      ratio = ratio, goal = "≤ 1.10", good = ratio <= 1.10 and not fault(ours) },
    { what = "delivery latency p50 / p99",
      ours = ("%.1f / %.1f ms"):format(ours.latency_ms.p50, ours.latency_ms.p99),
      theirs = ("%.1f / %.1f ms"):format(theirs.latency_ms.p50, theirs.latency_ms.p99),
      ratio = ours.latency_ms.p50 / theirs.latency_ms.p50 },
    complete(ours),
  }, { ours = ours, theirs = theirs }
end

function scenarios.flat(size)
  local options = { connections = size.clients, publish = "/publish", rate = "max",
                    in_flight = 8, duration = size.seconds .. "s", size = 100 }
  local function measure(self) return server.load(self, options) end
  local theirs = with(server.bare_loop(), measure)
  local ours = with(server.stentor("flat", 1), measure)
  local ratio = ours.deliveries.per_s / theirs.deliveries.per_s
  return {
    { what = ("deliveries/s, %d clients, 8 publishes in flight"):format(size.clients),
      ours = ("%.2f M"):format(ours.deliveries.per_s / 1e6),
      theirs = ("%.2f M"):format(theirs.deliveries.per_s / 1e6),
      ratio = ratio, goal = "≥ 5 M",
      good = ours.deliveries.per_s >= 5e6 and not fault(ours) },
    { what = "server CPU a delivery, flat out",
      ours = ("%.3f µs"):format(microseconds(ours)),
      theirs = ("%.3f µs"):format(microseconds(theirs)),
      ratio = microseconds(ours) / microseconds(theirs) },
    complete(ours),
  }, { ours = ours, theirs = theirs }
end

-- The slope, not the quotient: what the server needs without clients is left
-- out, and so is what it keeps of the first crowd for the second.
function scenarios.memory(size)
  local few, many
  with(server.stentor("memory", 1), function(self)
    few = server.load(self, { connections = size.few, duration = "3s" })
    many = server.load(self, { connections = size.many, duration = "4s" })
  end)
  local opened = many.connections.opened - few.connections.opened
  local slope = (many.server_pss_bytes - few.server_pss_bytes) / opened
  local failed = few.connections.failed + many.connections.failed
  return {
    { what = ("user memory an idle stream, %d to %d clients"):format(size.few, size.many),
      ours = ("%.0f bytes"):format(slope), goal = "≤ 400 bytes",
      good = slope <= 400 and failed == 0 },
    { what = ("user memory in all, %d clients"):format(size.many),
      ours = ("%.1f MB"):format(many.server_pss_bytes / 1e6) },
  }, { few = few, many = many }
end

function scenarios.crowd(size)
  local report = with(server.stentor("crowd", 3), function(self)
    return server.load(self, { connections = size.crowd, publish = "/publish", rate = 1,
                               duration = "5s", size = 100, in_flight_connects = 256 })
  end)
  local first = report.first_byte_ms
  return {
    { what = ("connects/s, %d clients, 3 workers, 256 in flight"):format(size.crowd),
      ours = ("%.0f"):format(report.connect_per_s), goal = "≥ 20,000",
      good = report.connect_per_s >= 20000 },
    { what = "connect to first byte, p50 / p95 / max",
      ours = ("%.1f / %.1f / %.1f ms"):format(first.p50, first.p95, first.max),
      goal = "p95 ≤ 200 ms", good = first.p95 <= 200 },
    complete(report),
  }, { ours = report }
end

return scenarios
