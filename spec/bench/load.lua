-- SPDX-License-Identifier: MIT
-- Runs `stentor load`, the client of all that is measured here, against a
-- server, and adds to its report what the kernel says of that server.
local json = require "cjson"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"
local sampler = require "spec.bench.sampler"
local server = require "spec.bench.server"

local load = {}

local LOAD_S = 180

local function arguments_of(self, options)
  local arguments = { "load" }
  for name, value in pairs(options) do
    if name ~= "channel" and name ~= "path" then
      local option = "--" .. name:gsub("_", "-")
      arguments[#arguments + 1] = value == true and option or ("%s=%s"):format(option, value)
    end
  end
  if not options.in_flight_connects and self.peer.connects then
    arguments[#arguments + 1] = "--in-flight-connects=" .. self.peer.connects
  end
  arguments[#arguments + 1] = "--json"
  arguments[#arguments + 1] = ("http://127.0.0.1:%d%s"):format(
    self.port, options.path or server.stream_path(self, options.channel))
  return arguments
end

-- The options that make it publish.
function load.publishing(self, options)
  options.publish = server.publish_path(self, options.channel)
  return options
end

local function read_report(started)
  local output = process.finish(started, LOAD_S)
  local read, report = pcall(json.decode, output)
  if not read then error(("stentor load: no report; see %s"):format(process.log), 0) end
  return report
end

-- A server that puts what has gathered into one event is credited with every
-- event in it. The tester sees the first only; the others follow from the
-- bytes, because all that is around them is known.
local function count_merged(self, report, size)
  local deliveries, merges = report.deliveries, self.peer.merges
  local whole = deliveries.count - deliveries.other
  local around = whole * merges.event_bytes + deliveries.other * merges.other_bytes
  local inside = deliveries.bytes - around
  -- Less than one more for each is a line of digits that was longer.
  local count = math.floor((inside + whole) / (size + 1) + 0.5)
  return math.max(count, whole)
end

-- Deliveries of what was published, and whether they are all there.
local function add_deliveries(self, report, size)
  local deliveries = report.deliveries
  report.delivered = self.peer.merges and count_merged(self, report, size) or
                     deliveries.count - deliveries.other
  report.expected = report.published.accepted * report.connections.opened
  local seconds = report.duration_s
  report.delivered_per_s = seconds > 0 and report.delivered / seconds or 0
end

-- Several tests at once, one for each of `runs` (options of `stentor load`).
-- Returns their reports and the figures of the server from the moment the
-- first of them had all its clients until the last was over.
function load.run_all(self, runs)
  local is_idle = runs[1].publish == nil
  -- Anew each time: some servers go on starting processes after they listen.
  local watch = sampler.start(proc.family(self.process.pid), is_idle)
  local finished, reports = pcall(function()
    local started, reports = {}, {}
    for i, options in ipairs(runs) do
      started[i] = process.start(server.binary, arguments_of(self, options))
    end
    for i in ipairs(runs) do reports[i] = read_report(started[i]) end
    return reports
  end)
  sampler.stop(watch)
  if not finished then error(reports, 0) end

  local from_us, to_us = math.huge, 0
  for i, report in ipairs(reports) do
    if report.running_at_us == 0 then
      error(("no client of %d got a stream: %s"):format(
        report.connections.wanted, next(report.connections.errors) or "?"), 0)
    end
    add_deliveries(self, report, runs[i].size or 100)
    from_us = math.min(from_us, report.running_at_us)
    to_us = math.max(to_us, report.running_at_us + report.duration_s * 1e6)
  end
  return reports, { cpu_s = sampler.cpu_between(watch, from_us, to_us),
                    cpu_all_s = sampler.cpu_between(watch, 0, math.huge),
                    pss_bytes = sampler.settled_pss(watch, from_us + 1e6),
                    seconds = (to_us - from_us) / 1e6 }
end

-- One test. Its report, with `server` (see above) added.
function load.run(self, options)
  local reports, figures = load.run_all(self, { options })
  reports[1].server = figures
  return reports[1]
end

-- Server processor time for each delivery.
function load.microseconds(report)
  if report.delivered == 0 then return nil end
  return report.server.cpu_s / report.delivered * 1e6
end

-- What is wrong with a test in which every client should have got every event
-- once and in order; nil if nothing is.
function load.fault(self, report)
  local connections, deliveries = report.connections, report.deliveries
  if connections.failed > 0 then
    local kind, count = next(connections.errors)
    return ("%d clients failed (%s)"):format(connections.failed, kind or count or "?")
  elseif self.peer.merges then
    -- What is merged looks lost to the tester, and is counted by the bytes.
    local share = report.delivered / math.max(report.expected, 1)
    if share < 0.98 then return ("%.0f %% not there 5 s later"):format((1 - share) * 100) end
    return nil
  end
  local parts = {}
  for _, name in ipairs { "lost", "duplicated", "reordered", "gaps" } do
    if deliveries[name] > 0 then parts[#parts + 1] = ("%d %s"):format(deliveries[name], name) end
  end
  if #parts > 0 then return table.concat(parts, ", ") end
  if report.published.failed > 0 then
    return ("%d of %d publishes failed"):format(report.published.failed, report.published.sent)
  elseif report.delivered ~= report.expected then
    return ("%d deliveries of %d"):format(report.delivered, report.expected)
  end
  return nil
end

return load
