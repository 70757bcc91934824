-- SPDX-License-Identifier: MIT
--- The faults: name → function(world, random), which does it and returns a word
-- on what it hit, or nil if there was nothing to hit. `random` is the fault's
-- own: what one draws does not depend on what happened before.
local uv = require "luv"

local WORKERS_MAX = 4

local kinds = {}

function kinds.kill_brain(world, random)
  return world.processes:kill(world.processes:any("brain", random))
end

function kinds.kill_worker(world, random)
  return world.processes:kill(world.processes:any("worker", random))
end

function kinds.kill_two(world, random)
  local brain_first = random:between(1, 2) == 1
  if brain_first then kinds.kill_brain(world, random) end
  local worker = kinds.kill_worker(world, random)
  if not brain_first then kinds.kill_brain(world, random) end
  return worker and ("%s and the brain, %s first"):format(worker, brain_first and "it" or "that")
end

-- A handler that does not end; the watchdog does.
function kinds.hang(world)
  if world.hanger.asked then return nil end
  world.hanger:ask_and_hang()
  return "in " .. world.hanger.log[#world.hanger.log].channel
end

function kinds.freeze_brain(world, random)
  return world.processes:freeze(world.processes:any("brain", random), random:between(100, 1500))
end

function kinds.freeze_worker(world, random)
  return world.processes:freeze(world.processes:any("worker", random), random:between(100, 1500))
end

-- Some readers, each with one chance in `share`; at least one. With `likely`,
-- all that are soon behind are among them.
local function some(world, random, share, likely)
  local chosen = { random:one_of(world.readers) }
  for _, reader in ipairs(world.readers) do
    local drawn = random:between(1, share) == 1 or (likely and reader.small)
    if reader ~= chosen[1] and drawn then
      chosen[#chosen + 1] = reader
    end
  end
  return chosen
end

function kinds.stop_reading(world, random)
  local chosen = some(world, random, 6, true)
  for _, reader in ipairs(chosen) do reader:pause(random:between(200, 5000)) end
  return #chosen .. " clients"
end

function kinds.cut(world, random)
  local chosen = some(world, random, 4)
  for _, reader in ipairs(chosen) do reader:cut_soon() end
  return #chosen .. " clients"
end

function kinds.stay_away(world, random)
  local chosen = some(world, random, 5)
  for _, reader in ipairs(chosen) do reader:stay_away(random:between(500, 4000)) end
  return #chosen .. " clients"
end

function kinds.storm(world)
  for _, reader in ipairs(world.readers) do reader:stay_away(0) end
  return #world.readers .. " clients"
end

function kinds.cut_publisher(world, random)
  local publisher = random:one_of(world.publishers)
  publisher:cut()
  return publisher.name
end

function kinds.newcomer(world, random)
  return world:add_reader(random).name
end

function kinds.change_workers(world, random)
  local before, count = world.workers, random:between(1, WORKERS_MAX - 1)
  if world.reloads:is_busy() then return nil end
  world:resize(count < before and count or count + 1) -- another than now
  return ("from %d to %d"):format(before, world.workers)
end

function kinds.reload_good(world)
  if world.reloads:is_busy() then return nil end
  world.generation = world.generation + 1
  world.reloads:begin_good()
  return "generation " .. world.generation
end

function kinds.reload_bad(world, random)
  return not world.reloads:is_busy() and world.reloads:begin_bad(random) or nil
end

-- For a while nobody is let in.
function kinds.drain(world, random)
  local reloads, timer = world.reloads, uv.new_timer()
  if reloads:is_busy() then return nil end
  for _, reader in ipairs(world.readers) do reader:expect_close "drained" end
  reloads:begin_drain()
  timer:start(random:between(200, 1500), 50, function()
    if reloads:is_busy() then return end
    timer:close()
    if reloads.draining then reloads:begin_good() end
  end)
  return "all streams"
end

-- For the build `stentor-faults`: a process dies between two steps.
function kinds.die_at_step(world, random)
  if not world.order then return nil end
  local step = random:one_of(world.steps)
  world:arm(step, random:between(1, 20))
  return step
end

return kinds
