-- SPDX-License-Identifier: MIT
-- Runs a scenario with each server in turn, so many rounds, and takes the middle
-- of each figure.
local uv = require "luv"

local measure = {}

function measure.note(notes, ...)
  notes[#notes + 1] = table.concat { ... }
  io.stderr:write("bench: ", notes[#notes], "\n")
end

--- The middle one of a list of numbers; the lower one of two.
function measure.middle(values)
  local sorted = { unpack(values) }
  table.sort(sorted)
  return sorted[math.ceil(#sorted / 2)]
end

--- Figures of several rounds as those of one: numbers are the middle ones, of
-- all else the first counts. What was wrong in one round is wrong.
function measure.combine(rounds)
  local combined = {}
  for _, round in ipairs(rounds) do
    for key, value in pairs(round) do
      if type(value) == "number" then
        combined[key] = combined[key] or {}
        table.insert(combined[key], value)
      elseif combined[key] == nil then
        combined[key] = value
      end
    end
  end
  for key, values in pairs(combined) do
    if type(values) == "table" and type(values[1]) == "number" then
      combined[key] = measure.middle(values)
    end
  end
  return combined
end

-- One round with one server. That a peer fails is a note; that ours does is a
-- failure of the bench.
local function once(name, scenario, peer, context)
  local began = uv.hrtime()
  local passed, result = pcall(scenario.measure, peer, context.size, context)
  if not passed then
    if result == "interrupted" or peer.name == "stentor" then error(result, 0) end
    measure.note(context.notes, peer.title, ", ", scenario.title, ": ", tostring(result))
    return nil
  end
  io.stderr:write(("bench: %s, %s: %.1f s\n"):format(name, peer.title,
                                                     (uv.hrtime() - began) / 1e9))
  return result
end

--- The figures of one scenario, by server.
function measure.scenario(name, scenario, found, shown, context)
  local rounds, figures = {}, {}
  for round = 1, context.rounds do
    for _, peer_name in ipairs(shown) do
      local peer = found[peer_name]
      local takes_part = peer_name == "stentor" or not scenario.alone
      local lack = peer.lacks and peer.lacks[name]
      if takes_part and lack and round == 1 then
        measure.note(context.notes, peer.title, ", ", scenario.title, ": ", lack)
      elseif takes_part and not lack then
        rounds[peer_name] = rounds[peer_name] or {}
        table.insert(rounds[peer_name], once(name, scenario, peer, context))
      end
    end
  end
  for peer_name, list in pairs(rounds) do
    if #list > 0 then figures[peer_name] = measure.combine(list) end
  end
  return figures
end

return measure
