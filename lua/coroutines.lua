-- SPDX-License-Identifier: MIT
-- A pool of coroutines, so that handlers may wait in straight-line code. A
-- coroutine that ends its job waits here for the next one.
local json = require "stentor.json"
local refusal = require "stentor.refusal"

local coroutines = {}
coroutines.__index = coroutines

local IDLE_MAX = 256 -- kept for later jobs; more are left to the collector

-- What was thrown, as text; tables without a text of their own as JSON.
local function problem_text(problem)
  local mt = type(problem) == "table" and getmetatable(problem)
  if type(problem) ~= "table" or mt and mt.__tostring then
    return tostring(problem)
  end
  local ok, text = pcall(json.encode, problem)
  return ok and text or tostring(problem)
end

-- A refusal passes as it is, all else gets its traceback here, where the
-- stack still stands. A script's author has no use for our own frames, unless
-- the error is ours.
local function with_traceback(problem)
  if refusal.is(problem) then return problem end
  local text = problem_text(problem)
  local traceback = debug.traceback("", 2)
  if not text:find("^lua/") then
    traceback = traceback:gsub("\n\tlua/[^\n]*", "")
      :gsub("\n\t%[C%]: in function '%a+'", "")
  end
  if not traceback:find("\n\t", 1, true) then return text end
  return text .. traceback
end

-- Calls a script's function: true and what it returns, or false and either
-- the error with its traceback or the table that was thrown.
function coroutines.call(fn, ...)
  return xpcall(fn, with_traceback, ...)
end

-- `max`: how many may be under way at once. `doing(what)` is told whose job is
-- being run (core.doing).
function coroutines.new(max, doing)
  return setmetatable({ idle = {}, idle_count = 0, busy = 0, max = max,
    tasks = 0,   -- of those that are busy
    frozen = {}, -- what is to go on after thaw()
    doing = doing, what = nil, -- what is being run now
    whose = setmetatable({}, { __mode = "k" }) }, coroutines)
end

local function is_task(what) return what.kind == "task" end

local function ended(self, what)
  self.busy = self.busy - 1
  if is_task(what) then self.tasks = self.tasks - 1 end
end

local function body(self)
  local co = coroutine.running()
  local job, server, what, c = coroutine.yield()
  while true do
    job(server, what, c)
    ended(self, what)
    if self.idle_count >= IDLE_MAX then return end
    self.idle_count = self.idle_count + 1
    self.idle[self.idle_count] = co
    job, server, what, c = coroutine.yield()
  end
end

local function take(self)
  local count = self.idle_count
  if count > 0 then
    local co = self.idle[count]
    self.idle[count], self.idle_count = nil, count - 1
    return co
  end
  local co = coroutine.create(body)
  coroutine.resume(co, self)
  return co
end

-- How full it is, from 0 to 1.
function coroutines:load() return self.busy / self.max end

-- Whether one more may be started.
function coroutines:free() return self.busy < self.max end

-- Runs `job(server, what, c)` until it ends or waits. `what`, a route, hook,
-- timer …, is that whose `title` is shown outside while it runs. The job deals
-- with a script's errors; one that comes out of it is ours, and thrown.
function coroutines:start(job, server, what, c)
  local co = take(self)
  self.busy = self.busy + 1
  if is_task(what) then self.tasks = self.tasks + 1 end
  self.whose[co] = what
  return self:resume(co, job, server, what, c)
end

function coroutines:resume(co, ...)
  local before, what = self.what, self.whose[co]
  if self.freezes and (self.freezes == "all" or is_task(what)) then
    table.insert(self.frozen, { co = co, n = select("#", ...), ... })
    return
  end
  self.what = what
  self.doing(what)
  local ok, problem = coroutine.resume(co, ...)
  self.what = before
  self.doing(before)
  if not ok then
    ended(self, what)
    error(debug.traceback(co, tostring(problem)), 0)
  end
end

-- Whether nothing is under way but tasks, which as a rule never end.
function coroutines:quiet() return self.busy == self.tasks end

-- What waits does not go on, whatever it waits for, until thaw(): of "tasks",
-- or of "all".
function coroutines:freeze(what) self.freezes = what end

function coroutines:thaw()
  local frozen = self.frozen
  self.frozen, self.freezes = {}, nil
  for _, one in ipairs(frozen) do
    self:resume(one.co, unpack(one, 1, one.n))
  end
end

-- The running coroutine if it is of this pool and so may wait, else nil.
function coroutines:current()
  local co = coroutine.running()
  return co and self.whose[co] and co or nil
end

return coroutines
