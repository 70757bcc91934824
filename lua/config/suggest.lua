-- SPDX-License-Identifier: MIT
-- "did you mean": the nearest of what is known, by edit distance.
local suggest = {}

local LENGTH_MAX = 64

-- Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
function suggest.distance(a, b)
  local before, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local older = before
    before, row = row, { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
          and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, older[j - 2] + 1)
      end
      row[j] = best
    end
  end
  return row[#b]
end

-- The nearest key of `known`, if it is near enough to be meant.
function suggest.nearest(name, known)
  if #name > LENGTH_MAX then return nil end
  local best, best_distance
  local most = #name <= 4 and 1 or #name <= 7 and 2 or 3
  for candidate in pairs(known) do
    if type(candidate) == "string" then
      local distance = suggest.distance(name:lower(), candidate:lower())
      if distance <= most and (not best or distance < best_distance
          or distance == best_distance and candidate < best) then
        best, best_distance = candidate, distance
      end
    end
  end
  return best
end

-- `"replya", did you mean "replay"?`
function suggest.unknown(name, known)
  local text = type(name) == "string" and ('"%s"'):format(name)
    or ("[%s]"):format(tostring(name))
  local nearest = type(name) == "string" and suggest.nearest(name, known)
  return nearest and ('%s, did you mean "%s"?'):format(text, nearest) or text
end

-- Throws at `level`, as `error` counts them, if `options` of the function
-- `what` is no table or has one that is not among the keys of `known`.
function suggest.check_options(what, options, known, level)
  if type(options) ~= "table" then
    error(what .. ": the options must be a table", level)
  end
  for name in pairs(options) do
    if not known[name] then
      error(("%s: unknown option %s"):format(what, suggest.unknown(name, known)),
        level)
    end
  end
end

return suggest
