-- SPDX-License-Identifier: MIT
-- Samples a server's figures from outside all the while a load test runs, so
-- that afterwards those between two moments of the test can be picked.
local uv = require "luv"
local proc = require "spec.bench.proc"

local sampler = {}

local SAMPLE_MS = 50

-- Adding up a process's pages holds its memory lock, so a run that measures
-- processor time goes without.
local function take(self)
  self.samples[#self.samples + 1] = {
    at_us = tonumber(uv.hrtime()) / 1000,
    cpu_s = proc.cpu_seconds(self.pids),
    pss_bytes = self.wants_memory and proc.pss_bytes(self.pids) or 0,
  }
end

function sampler.start(pids, wants_memory)
  local self = { pids = pids, wants_memory = wants_memory, samples = {}, timer = uv.new_timer() }
  self.timer:start(0, SAMPLE_MS, function() take(self) end)
  return self
end

function sampler.stop(self)
  self.timer:stop()
  self.timer:close()
  take(self)
end

-- Processor time between two moments, by the samples nearest to them.
function sampler.cpu_between(self, from_us, to_us)
  local samples = self.samples
  local from, to
  for _, taken in ipairs(samples) do
    if taken.at_us <= from_us then from = taken.cpu_s end
    if not to and taken.at_us >= to_us then to = taken.cpu_s end
  end
  return (to or samples[#samples].cpu_s) - (from or samples[1].cpu_s)
end

-- The middle one of the samples of memory since `from_us`.
function sampler.settled_pss(self, from_us)
  local values = {}
  for _, taken in ipairs(self.samples) do
    if taken.at_us >= from_us then values[#values + 1] = taken.pss_bytes end
  end
  table.sort(values)
  return values[math.ceil(#values / 2)] or 0
end

return sampler
