-- SPDX-License-Identifier: MIT
-- One reader, then one in a hundred, takes a byte a second into a small buffer.
-- What do the others notice of it? Events of 2 KB, so that buffers on the way fill.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local slow = {
  title = "slow readers",
  about = "8 events a second of 2 KB, while one reader, then 1 % of them, takes a byte a second",
}

local function measure(peer, size, share)
  return server.with(peer, 1, function(self)
    return figure.of(self, load.run(self, load.publishing(self, {
      connections = size.clients, rate = 8, size = 2048, slow = share,
      duration = math.ceil(size.seconds * 0.8) .. "s" })))
  end)
end

-- For ours a second time without them, at the end: a machine that gets busier
-- meanwhile would be taken for the slow readers' doing.
function slow.measure(peer, size)
  local before, many = measure(peer, size), measure(peer, size, "1%")
  local one, after = nil, before
  if peer.name == "stentor" then
    one = measure(peer, size, ("%.6f%%"):format(50 / size.clients)) -- of a share at least one
    after = measure(peer, size)
  end
  if not (before.p99 and many.p99 and after.p99) then return { fault = "nothing arrived" } end
  local without = (before.p99 + after.p99) / 2
  return { p99 = many.p99, one_times = one and one.p99 and one.p99 / without,
           times = many.p99 / without, without = without,
           fault = slow.fault(peer, many.report) or one and slow.fault(peer, one.report) or nil,
           dropped = many.report.connections.slow_dropped }
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
    figure.less(("p99 of the others beside one slow reader, to that without; %d clients")
      :format(size.clients), "one_times", figure.times, { { ceiling = 1.1, text = "≤ 1.1" } }),
    figure.less("the same beside 1 % of them", "times", figure.times),
    figure.less("p99 of the others beside 1 %", "p99", figure.milli),
    figure.complete,
  }
end

return slow
