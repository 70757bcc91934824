-- SPDX-License-Identifier: MIT
-- The one table: a line for each row, a column for each server.
local markdown = {}

function markdown.head(peers, shown)
  local names, rule = { "scenario", "measured" }, { "---", "---" }
  for _, name in ipairs(shown) do
    names[#names + 1] = peers[name].title
    rule[#rule + 1] = "---"
  end
  names[#names + 1], names[#names + 2] = "goal", "reached"
  rule[#rule + 1], rule[#rule + 2] = "---", "---"
  return ("| %s |\n|%s|\n"):format(table.concat(names, " | "), table.concat(rule, "|"))
end

local function goals_of(line)
  local texts, verdicts = {}, {}
  for _, goal in ipairs(line.goals) do
    texts[#texts + 1] = goal.text
    verdicts[#verdicts + 1] = goal.good == nil and "?" or goal.good and "yes" or "**no**"
  end
  return table.concat(texts, ", "), table.concat(verdicts, ", ")
end

function markdown.line(title, line, shown)
  local cells = { title, line.what }
  for _, name in ipairs(shown) do cells[#cells + 1] = line.cells[name] or "–" end
  cells[#cells + 1], cells[#cells + 2] = goals_of(line)
  return ("| %s |\n"):format(table.concat(cells, " | "))
end

-- Why there is a "–": texts of the form "nginx + nchan, flat out: …".
function markdown.notes(notes)
  if #notes == 0 then return "" end
  return "\nNot measured:\n\n* " .. table.concat(notes, "\n* ") .. "\n"
end

return markdown
