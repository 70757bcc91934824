-- SPDX-License-Identifier: MIT
-- One reader in a hundred takes a byte a second into a small buffer. What do
-- the others notice of it? Events of 2 KB, so that buffers on the way fill.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local slow = { title = "slow readers" }

function slow.measure(peer, size)
  local function p99(share)
    return server.with(peer, 1, function(self)
      return figure.of(self, load.run(self, load.publishing(self, {
        connections = size.clients, rate = 8, size = 2048, slow = share,
        duration = math.ceil(size.seconds * 0.8) .. "s" })))
    end)
  end
  local without, with = p99(nil), p99("1%")
  return { p99 = with.p99, times = with.p99 and without.p99 and with.p99 / without.p99,
           fault = slow.fault(peer, with.report), without = without.report, with = with.report,
           dropped = with.report.connections.slow_dropped }
end

-- Those that read at all must get everything; what a slow one gets is not judged.
function slow.fault(peer, report)
  if peer.merges then return nil end
  if report.connections.failed > 0 then return report.connections.failed .. " clients failed" end
  local lost = report.deliveries.lost + report.deliveries.duplicated + report.deliveries.reordered
  if lost > 0 then return lost .. " lost or in disorder" end
  return nil
end

function slow.rows(size)
  return {
    figure.less(("p99 of the others with 1 %% slow, to that without; %d clients, 2 KB"):format(
      size.clients), "times", figure.times, { { ceiling = 1.1, text = "≤ 1.1" } }),
    figure.less("p99 of the others", "p99", figure.milli),
    figure.complete,
  }
end

return slow
