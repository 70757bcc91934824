-- SPDX-License-Identifier: MIT
-- An answer that is thrown: request:json(), publish() and others refuse a
-- request so, wherever in a handler they are called. Elsewhere it reads as an
-- error like any other.
local refusal = {}
refusal.__index = refusal

function refusal:__tostring()
  return type(self.body) == "string" and self.body
    or ("refused with %d"):format(self.status)
end

-- `delay`: in seconds, for a refusal that an EventSource survives.
function refusal.later(delay, why)
  return setmetatable({ status = 503, body = why or "later", delay = delay },
    refusal)
end

-- `status, body, headers` as a handler returns them.
function refusal.new(status, body, headers)
  return setmetatable({ status = status, body = body, headers = headers },
    refusal)
end

function refusal.is(value)
  return getmetatable(value) == refusal
end

return refusal
