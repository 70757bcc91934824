-- SPDX-License-Identifier: MIT
-- Makes lines of a scenario's figures: for each row a cell for each peer, the
-- ratio of our figure to theirs, and whether the goals are reached.
local judge = {}

-- "bare loop", or "the better of bare loop and durable-streams".
local function titles_of(names, peers)
  local titles = {}
  for i, name in ipairs(names) do titles[i] = peers[name] and peers[name].title or name end
  if #titles == 1 then return titles[1] end
  return "the better of " .. table.concat(titles, " and ")
end

local function best_of(row, goal, figures)
  local best
  for _, name in ipairs(goal.of) do
    local value = figures[name] and figures[name][row.key]
    if value and (not best or (row.better == "less") == (value < best)) then best = value end
  end
  return best
end

-- Its text, and whether it is reached: nil if it cannot be judged.
local function judge_goal(row, goal, figures, peers)
  local ours = figures.stentor and figures.stentor[row.key]
  local sign, limit = goal.ceiling and "≤" or "≥", goal.ceiling or goal.floor
  local text = goal.text or ("%s %g × %s"):format(sign, limit, titles_of(goal.of, peers))
  local base = not goal.of and 1 or best_of(row, goal, figures)
  if not base then return text, nil end
  -- A figure that could not be taken of our own server is a goal missed.
  if not ours then return text, false end
  local ratio = ours / base
  if goal.ceiling then return text, ratio <= limit end
  return text, ratio >= limit
end

local function cell_of(row, name, figures, ours)
  local own = figures[name]
  if not own then return nil end
  if row.is_check then return own.fault or "all" end
  local value = own[row.key]
  if not value then return nil end
  local text = row.text(value)
  if name ~= "stentor" and ours and value > 0 then
    text = ("%s (%.2f)"):format(text, ours / value)
  end
  return text
end

-- Lines of a table. `figures` by peer; `shown` the names in their order. Goals
-- about speed are judged only if `judges_speed`.
function judge.lines(rows, figures, peers, shown, judges_speed)
  local lines = {}
  for _, row in ipairs(rows) do
    local line = { what = row.what, key = row.key, better = row.better, is_check = row.is_check,
                   cells = {}, values = {}, goals = {}, good = true }
    local ours = figures.stentor and figures.stentor[row.key]
    for _, name in ipairs(shown) do
      line.cells[name] = cell_of(row, name, figures, ours)
      line.values[name] = figures[name] and row.key and figures[name][row.key] or nil
    end
    if row.is_check then
      local good = figures.stentor ~= nil and figures.stentor.fault == nil
      line.goals[1] = { text = "all", good = good }
    elseif judges_speed then
      for _, goal in ipairs(row.goals or {}) do
        local text, good = judge_goal(row, goal, figures, peers)
        line.goals[#line.goals + 1] = { text = text, good = good }
      end
    end
    for _, goal in ipairs(line.goals) do
      if goal.good == false then line.good = false end
    end
    lines[#lines + 1] = line
  end
  return lines
end

return judge
