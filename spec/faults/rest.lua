-- SPDX-License-Identifier: MIT
--- What a server at rest takes of the machine, and whether that stays so.
local proc = require "spec.support.proc"
local figures = require "spec.bench.proc"

local rest = {}

-- What a process may have grown by, beyond the most it had when all was young:
-- an allocator keeps what it once needed, and one process is older than the
-- next. A supervisor lives on: it has no such excuse.
local SLACK = {
  supervisor = { share = 0.1, bytes = 1024 * 1024 },
  other = { share = 0.3, bytes = 4 * 1024 * 1024 },
}

local YOUNG = 2 -- samples from which the others may not differ

-- "worker 0" and "worker 1" are compared with each other.
local function role_of(child)
  return (child.role or "?"):match "^%a+"
end

--- A sample: role → { bytes (of its biggest process), descriptors (of all of
-- them together), count }. `connections` are ours to the workers: they are
-- taken off.
function rest.sample(pid, connections)
  local sample = {}
  local function add(role, child)
    local one = sample[role] or { bytes = 0, descriptors = 0, count = 0 }
    one.bytes = math.max(one.bytes, figures.pss_bytes { child })
    one.descriptors = one.descriptors + proc.descriptors(child)
    one.count = one.count + 1
    sample[role] = one
  end
  add("supervisor", pid)
  for _, child in ipairs(proc.children(pid)) do add(role_of(child), child.pid) end
  if sample.worker then sample.worker.descriptors = sample.worker.descriptors - connections end
  return sample
end

-- The most that any of the young samples had of it.
local function young_most(samples, role, field)
  local most = 0
  for i = 1, math.min(YOUNG, #samples) do
    local one = samples[i][role]
    if one and one[field] > most then most = one[field] end
  end
  return most
end

--- What is not flat in a list of samples: a list of texts.
function rest.judge(samples)
  local found = {}
  for i = YOUNG + 1, #samples do
    for role, one in pairs(samples[i]) do
      local slack = SLACK[role] or SLACK.other
      local bytes = young_most(samples, role, "bytes")
      if one.bytes > bytes * (1 + slack.share) + slack.bytes then
        found[#found + 1] = ("round %d: %s: memory from %.1f MB to %.1f MB"):format(i, role,
          bytes / 2 ^ 20, one.bytes / 2 ^ 20)
      end
      local descriptors = young_most(samples, role, "descriptors")
      if one.descriptors > descriptors then
        found[#found + 1] = ("round %d: %s: from %d to %d descriptors"):format(i, role,
          descriptors, one.descriptors)
      end
    end
  end
  table.sort(found)
  return found
end

return rest
