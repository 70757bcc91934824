-- SPDX-License-Identifier: MIT
-- `every` and `task`: what runs by itself once this brain is in charge.
local coroutines = require "stentor.coroutines"

local timers = {}

local BACKOFF_FIRST, BACKOFF_LAST = 100, 10000

local every_due

local function every_job(server, timer)
  local ok, problem = coroutines.call(timer.fn)
  if not ok then server:failed(timer.title, tostring(problem)) end
  if server.phase == "stopping" then return end
  -- The next beat of the same rhythm; beats that passed meanwhile are left out.
  local now = server.core.monotonic()
  local missed = math.max(0, math.floor((now - timer.due) / timer.interval))
  timer.due = timer.due + (missed + 1) * timer.interval
  server.clock:at(timer.due, every_due, timer)
end

function every_due(timer)
  if timer.server:pauses(every_due, timer) then return end
  timer.server.pool:start(every_job, timer.server, timer)
end

local function start_every(server, timer)
  timer.server = server
  timer.due = server.core.monotonic() + timer.interval
  server.clock:at(timer.due, every_due, timer)
end

local task_due

-- Ran well for as long as the longest back-off: the next one is short again.
local function task_job(server, task)
  local began = server.core.monotonic()
  local ok, problem = coroutines.call(task.fn)
  if ok or server.phase == "stopping" then return end
  if server.core.monotonic() - began >= BACKOFF_LAST then
    task.backoff = BACKOFF_FIRST
  end
  server:failed(task.title, ("%s\nruns again in %g s"):format(
    tostring(problem), task.backoff / 1000))
  server.clock:after(task.backoff, task_due, task)
  task.backoff = math.min(task.backoff * 2, BACKOFF_LAST)
end

function task_due(task)
  if task.server:pauses(task_due, task) then return end
  task.server.pool:start(task_job, task.server, task)
end

local function start_task(server, task)
  task.server, task.backoff = server, BACKOFF_FIRST
  task_due(task)
end

-- `timer`: { kind = "every" or "task", fn, title, interval in ms }.
function timers.start(server, timer)
  if timer.kind == "every" then
    start_every(server, timer)
  else
    start_task(server, timer)
  end
end

return timers
