-- SPDX-License-Identifier: MIT
-- Who is told after the fact (`on`): of the whole server, or of one channel,
-- whose hooks are a child of the server's. Each call has its own coroutine; one
-- that throws is logged, counted and stops nothing else.
local hooks = {}
hooks.__index = hooks

hooks.names = { subscribe = true, unsubscribe = true, publish = true,
  occupied = true, vacant = true, stop = true }
hooks.client_names = { subscribe = true, unsubscribe = true, occupied = true,
  vacant = true }

-- `run(hook, a, b)` calls one.
function hooks.new(run)
  return setmetatable({ run = run, lists = {}, parent = nil }, hooks)
end

function hooks:child()
  local child = hooks.new(self.run)
  child.parent = self
  return child
end

-- `hook`: { fn = what is called, title = for the log }.
function hooks:add(what, hook)
  local list = self.lists[what] or {}
  list[#list + 1] = hook
  self.lists[what] = list
end

function hooks:has(what)
  if self.lists[what] then return true end
  return self.parent ~= nil and self.parent:has(what)
end

-- Whether the core must tell when streams begin and end.
function hooks:wants_clients()
  for what in pairs(hooks.client_names) do
    if self:has(what) then return true end
  end
  return false
end

-- `seen`: parents that several channels of one stream share are told once.
function hooks:emit(what, a, b, seen)
  if seen then
    if seen[self] then return end
    seen[self] = true
  end
  for _, hook in ipairs(self.lists[what] or {}) do self.run(hook, a, b) end
  if self.parent then self.parent:emit(what, a, b, seen) end
end

return hooks
