-- SPDX-License-Identifier: MIT
--- Which fault when: a function of the seed alone.
local random = require "spec.faults.random"

local schedule = {}

--- A list of { at_ms, kind, seed } in the order of time, over `seconds`: each
-- kind as often as the table `counts` (kind → how often) says.
function schedule.make(seed, seconds, counts)
  local source = random.new(seed)
  local names, deck = {}, {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    for _ = 1, counts[name] do deck[#deck + 1] = name end
  end
  deck = source:shuffled(deck)
  local list, step = {}, seconds * 1000 / #deck
  for i, name in ipairs(deck) do
    list[i] = {
      at_ms = math.floor((i - 1) * step + source:between(0, math.floor(step))),
      kind = name,
      seed = source:between(1, 1e9),
    }
  end
  return list
end

return schedule
