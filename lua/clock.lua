-- SPDX-License-Identifier: MIT
-- All waiting on time: a binary heap of what is due, and one timer of the
-- core's that is set to the first. Times are milliseconds of core.monotonic().
local clock = {}
clock.__index = clock

function clock.new(core)
  return setmetatable({ core = core, heap = {}, count = 0, order = 0,
    armed = nil }, clock)
end

local function before(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return a.order < b.order
end

local function push(self, entry)
  local heap, at = self.heap, self.count + 1
  self.count = at
  while at > 1 do
    local parent = math.floor(at / 2)
    if not before(entry, heap[parent]) then break end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = entry
end

local function pop(self)
  local heap, count = self.heap, self.count
  local first, last = heap[1], heap[count]
  heap[count], self.count = nil, count - 1
  count = count - 1
  if count == 0 then return first end
  local at = 1
  while true do
    local child = at * 2
    if child > count then break end
    if child < count and before(heap[child + 1], heap[child]) then
      child = child + 1
    end
    if not before(heap[child], last) then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = last
  return first
end

local function arm(self)
  local first = self.heap[1]
  local due = first and first.due
  if due == self.armed then return end
  self.armed = due
  self.core.timer(due and math.max(0, due - self.core.monotonic()))
end

-- Calls `fn(argument)` at `due`.
function clock:at(due, fn, argument)
  self.order = self.order + 1
  push(self, { due = due, order = self.order, fn = fn, argument = argument })
  -- While run() empties the heap it arms the timer itself, once.
  if not self.running then arm(self) end
end

function clock:after(delay, fn, argument)
  self:at(self.core.monotonic() + delay, fn, argument)
end

-- Runs what is due. What that adds waits for the next turn even if it is due
-- at once, so that a script which sleeps for nothing cannot hold the loop.
function clock:run()
  local now, newest = self.core.monotonic(), self.order
  self.armed, self.running = nil, true
  local ok, problem = true, nil
  while ok and self.count > 0 do
    local first = self.heap[1]
    if first.due > now or first.order > newest then break end
    pop(self)
    ok, problem = pcall(first.fn, first.argument)
  end
  self.running = false
  arm(self)
  if not ok then error(problem, 0) end
end

return clock
