-- SPDX-License-Identifier: MIT
--- Chance that a seed repeats. Lua's own is one for all, and its seed would be
-- whatever else of the run has drawn from it.
local bit = require "bit"

local random = {}
local methods = {}
local metatable = { __index = methods }

--- A source of chance; equal seeds (whole numbers) give equal sequences.
function random.new(seed)
  local self = setmetatable({ state = bit.tobit(seed * 2654435761 + 1) }, metatable)
  if self.state == 0 then self.state = 1 end
  for _ = 1, 8 do self:step() end -- neighbouring seeds part company
  return self
end

--- A seed for a run that nobody asked to repeat.
function random.seed()
  return math.floor(tonumber(require("luv").hrtime()) / 1000 % 1000000)
end

-- Marsaglia's xorshift.
function methods:step()
  local x = self.state
  x = bit.bxor(x, bit.lshift(x, 13))
  x = bit.bxor(x, bit.rshift(x, 17))
  x = bit.bxor(x, bit.lshift(x, 5))
  self.state = x
  return x
end

--- A whole number from `low` to `high`.
function methods:between(low, high)
  return low + self:step() % 2 ^ 31 % (high - low + 1)
end

--- One of a list.
function methods:one_of(list)
  return list[self:between(1, #list)]
end

--- A copy of the list in another order.
function methods:shuffled(list)
  local copy = {}
  for i, item in ipairs(list) do
    local at = self:between(1, i)
    copy[i] = copy[at]
    copy[at] = item
  end
  return copy
end

return random
