-- SPDX-License-Identifier: MIT
--- What the aggregate of config.lua must have come to: each event of a channel
-- counted once, whatever the brains that counted have died of.
local counted = {}
local methods = {}
local metatable = { __index = methods }

--- Begins with nothing; `channel` is the one that is counted.
function counted.new(channel)
  return setmetatable({ channel = channel, of = {} }, metatable)
end

--- Adds a round: `known` (truth.lua) and the publishes that were asked for. What
-- nobody saw and nobody answered for may be there or not.
function methods:add(known, publishes)
  for _, publish in ipairs(publishes) do
    if publish.channel == self.channel then
      local one = self.of[publish.publisher] or { count = 0, sum = 0, unsure = 0, unsure_sum = 0 }
      self.of[publish.publisher] = one
      for n = publish.first, publish.last do
        if known:has(publish, n) then
          one.count, one.sum = one.count + 1, one.sum + n
        else
          one.unsure, one.unsure_sum = one.unsure + 1, one.unsure_sum + n
        end
      end
    end
  end
end

local function is_within(value, least, more)
  return value >= least and value <= least + more
end

--- What is wrong with the aggregate's value: a list of texts.
function methods:judge(value)
  local found = {}
  for publisher, one in pairs(self.of) do
    local has = value[publisher] or { count = 0, sum = 0 }
    if not is_within(has.count, one.count, one.unsure)
      or not is_within(has.sum, one.sum, one.unsure_sum) then
      found[#found + 1] = ("of %s: %d events, sum %d; there were %d, sum %d (and perhaps %d)")
        :format(publisher, has.count, has.sum, one.count, one.sum, one.unsure)
    end
  end
  for publisher in pairs(value) do
    if not self.of[publisher] then found[#found + 1] = publisher .. ", who published nothing" end
  end
  table.sort(found)
  return found
end

return counted
