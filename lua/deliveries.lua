-- SPDX-License-Identifier: MIT
-- Who waits for Kafka to have taken a record: coroutines by their tickets.
local deliveries = {}
deliveries.__index = deliveries

function deliveries.new(server)
  return setmetatable({ server = server, waiting = {}, oldest = 1, newest = 0,
    ticket_of = {}, armed = false }, deliveries)
end

local function answer(self, ticket, ...)
  local co = self.waiting[ticket]
  if not co then return end -- its time was up
  self.waiting[ticket] = nil
  self.server.pool:resume(co, ...)
end

-- All wait equally long, so that one timer, for the one who came first, will
-- do.
local expire

local function arm(self)
  local first = self.ticket_of[self.oldest]
  if first and not self.armed then
    self.armed = true
    self.server.clock:at(first.due, expire, self)
  end
end

function expire(self)
  local now = self.server.core.monotonic()
  self.armed = false
  while true do
    local first = self.ticket_of[self.oldest]
    if not first or first.due > now then break end
    self.ticket_of[self.oldest] = nil
    self.oldest = self.oldest + 1
    answer(self, first.ticket, nil, "timeout")
  end
  arm(self)
end

-- Called in `co`; returns partition and offset, or nil and why.
function deliveries:wait(ticket, co)
  local limit = self.server.settings.limits.answer_time_ms
  self.waiting[ticket] = co
  self.newest = self.newest + 1
  self.ticket_of[self.newest] = { ticket = ticket,
    due = self.server.core.monotonic() + limit }
  arm(self)
  return coroutine.yield()
end

-- Of a DELIVERED item.
function deliveries.on_delivered(server, item)
  local self, core = server.deliveries, server.core
  local ticket = tonumber(item.ticket)
  if item.reason.size > 0 then
    answer(self, ticket, nil, core.text(item.reason))
  else
    answer(self, ticket, item.partition, tonumber(item.offset))
  end
end

return deliveries
