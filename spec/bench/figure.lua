-- SPDX-License-Identifier: MIT
-- How figures are written, and the kinds of row that most scenarios have.
local load = require "spec.bench.load"

local figure = {}

function figure.micro(value) return ("%.2f µs"):format(value) end

function figure.milli(value) return ("%.1f ms"):format(value) end

function figure.second(value) return ("%.2f s"):format(value) end

function figure.bytes(value)
  if value >= 10000 then return ("%.1f KB"):format(value / 1000) end
  return ("%.0f B"):format(value)
end

function figure.count(value)
  if value >= 1e6 then return ("%.2f M"):format(value / 1e6) end
  if value >= 1e4 then return ("%.0f k"):format(value / 1e3) end
  if value >= 1e3 then return ("%.1f k"):format(value / 1e3) end
  return ("%.0f"):format(value)
end

function figure.percent(value) return ("%.1f %%"):format(value) end

function figure.mega(value) return ("%.1f MB"):format(value / 1e6) end

function figure.times(value) return ("%.2f ×"):format(value) end

-- What most rows need of a test's report.
function figure.of(self, report)
  return {
    cpu_us = load.microseconds(report),
    p50 = report.latency_ms.count > 0 and report.latency_ms.p50 or nil,
    p99 = report.latency_ms.count > 0 and report.latency_ms.p99 or nil,
    max = report.latency_ms.count > 0 and report.latency_ms.max or nil,
    per_s = report.delivered_per_s,
    fault = load.fault(self, report),
    report = report,
  }
end

-- A row of figures: where less is better, and where more is.
function figure.less(what, key, text, goals)
  return { what = what, key = key, text = text, better = "less", goals = goals }
end

function figure.more(what, key, text, goals)
  return { what = what, key = key, text = text, better = "more", goals = goals }
end

-- Did every client get every event once and in order?
figure.complete = { what = "every event once, in order", is_check = true }

return figure
