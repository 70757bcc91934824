-- SPDX-License-Identifier: MIT
-- What is measured, and what measures it: our server, the bare loop, and
-- `stentor load`. A run samples the server's figures from outside all the
-- while, and afterwards picks those from the moment all clients were there.
local json = require "cjson"
local uv = require "luv"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"

local server = { binary = "build/release/stentor", folder = "build/bench" }

local SAMPLE_MS = 50

local config = [[
listen "127.0.0.1:%d"
workers(%d)

local events = channel "events" { replay = "10m" }

route "GET /events"   { stream = events }
route "POST /publish" {
  respond = function(request) return 202, { id = events:publish(request.body) } end,
}
]]

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function started(self)
  process.wait_for_port(self.port, self.process, 10)
  process.sleep(0.3)
  self.pids = proc.family(self.process.pid)
  return self
end

-- Our server with a config of its own.
function server.stentor(name, workers)
  local port = process.free_port()
  local path = ("%s/%s.lua"):format(server.folder, name)
  write(path, config:format(port, workers))
  return started { name = "stentor", port = port,
                   process = process.start(server.binary, { "run", path }) }
end

-- The yardstick.
function server.bare_loop()
  local port = process.free_port()
  local program = server.folder .. "/broadcast_loop"
  return started { name = "bare loop", port = port,
                   process = process.start(program, { tostring(port) }) }
end

function server.stop(self)
  if not process.stop(self.process) then
    io.stderr:write(self.name, " had to be killed\n")
  end
end

-- Adding up a process's pages holds its memory lock, so a run that measures
-- processor time goes without.
local function sample(samples, pids, wants_memory)
  samples[#samples + 1] = {
    at_us = tonumber(uv.hrtime()) / 1000,
    cpu_s = proc.cpu_seconds(pids),
    pss_bytes = wants_memory and proc.pss_bytes(pids) or 0,
  }
end

-- Processor time between two moments, by the samples nearest to them.
local function cpu_between(samples, from_us, to_us)
  local from, to
  for _, taken in ipairs(samples) do
    if taken.at_us <= from_us then from = taken.cpu_s end
    if not to and taken.at_us >= to_us then to = taken.cpu_s end
  end
  return (to or samples[#samples].cpu_s) - (from or samples[1].cpu_s)
end

-- The middle one of the samples of memory since `from_us`.
local function settled_pss(samples, from_us)
  local values = {}
  for _, taken in ipairs(samples) do
    if taken.at_us >= from_us then values[#values + 1] = taken.pss_bytes end
  end
  table.sort(values)
  return values[math.ceil(#values / 2)]
end

-- Runs `stentor load` with `options` against the server. Returns its report,
-- with `server_cpu_s` (from the first publish to the last delivery) and
-- `server_pss_bytes` (all clients there, nothing published) added.
function server.load(self, options)
  local arguments = { "load", ("http://127.0.0.1:%d/events"):format(self.port), "--json" }
  for name, value in pairs(options) do
    arguments[#arguments + 1] = ("--%s=%s"):format(name:gsub("_", "-"), value)
  end
  local samples = {}
  local timer = uv.new_timer()
  local is_idle = options.publish == nil
  timer:start(0, SAMPLE_MS, function() sample(samples, self.pids, is_idle) end)
  local finished, output = pcall(function()
    return process.finish(process.start(server.binary, arguments), 180)
  end)
  timer:stop()
  timer:close()
  if not finished then error(output, 0) end
  sample(samples, self.pids, is_idle)

  local read, report = pcall(json.decode, output)
  if not read then
    error(("stentor %s: no report; see %s"):format(table.concat(arguments, " "), process.log), 0)
  end
  local running_us = report.running_at_us
  report.server_cpu_s = cpu_between(samples, running_us, running_us + report.duration_s * 1e6)
  report.server_pss_bytes = settled_pss(samples, running_us + 1e6)
  return report
end

-- Compiles the yardstick.
function server.build_bare_loop()
  local source, program = "spec/bench/broadcast_loop.c", server.folder .. "/broadcast_loop"
  local flags = { "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program, source }
  local _, code = process.finish(process.start("cc", flags), 60)
  if code ~= 0 then error("cc: exit code " .. code .. "; see " .. process.log, 0) end
end

return server
