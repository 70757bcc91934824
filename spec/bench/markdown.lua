-- SPDX-License-Identifier: MIT
-- The one table: a line for each row, a column for each server.
local peers = require "spec.bench.peers"

local markdown = {}

--- Name → how the tables call it.
function markdown.titles(shown)
  local titles = {}
  for _, name in ipairs(shown) do titles[name] = peers.get(name).title end
  return titles
end

function markdown.head(shown, titles)
  local names, rule = { "scenario", "measured" }, { "---", "---" }
  for _, name in ipairs(shown) do
    names[#names + 1] = titles[name]
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

-- Whoever took part in any of the scenarios, in the usual order.
local function all_shown(records)
  local titles, shown = {}, {}
  for _, record in ipairs(records) do
    for name, title in pairs(record.titles) do titles[name] = title end
  end
  for _, name in ipairs(peers.order) do
    if titles[name] then shown[#shown + 1] = name end
  end
  return shown, titles
end

-- Each text once, in the order of its first time.
local function add_notes(notes, seen, texts)
  for _, text in ipairs(texts) do
    if not seen[text] then notes[#notes + 1] = "* " .. text .. "\n" end
    seen[text] = true
  end
end

-- Only where there is something to compare: see plot.lua.
local function pictures(record)
  local parts = {}
  for _, line in ipairs(record.lines) do
    if line.plot then parts[#parts + 1] = ("![%s: %s](%s)\n"):format(record.title, line.what,
      line.plot) end
  end
  return table.concat(parts)
end

--- All that was measured, with its pictures, for a file beside them.
function markdown.report(records)
  local parts = { "# Figures\n\n", markdown.page(records) }
  for _, record in ipairs(records) do
    local shown = pictures(record)
    if shown ~= "" then parts[#parts + 1] = ("\n## %s\n\n%s"):format(record.title, shown) end
  end
  return table.concat(parts)
end

-- Of a summary: the first figure of each scenario and those with a goal, and
-- who did not deliver everything.
local function belongs(line, number)
  if not line.is_check then return number == 1 or #line.goals > 0 end
  for _, cell in pairs(line.cells) do
    if cell ~= "all" then return true end
  end
  return false
end

local function rows_of(record, shown, is_summary)
  local rows = {}
  for number, line in ipairs(record.lines) do
    if not is_summary or belongs(line, number) then
      local title = #rows == 0 and ("**%s**"):format(record.title) or ""
      rows[#rows + 1] = markdown.line(title, line, shown)
    end
  end
  return table.concat(rows)
end

--- What was measured: the table (all of it, or a summary), what it is of, and
-- what is to be said of it.
function markdown.page(records, is_summary)
  if #records == 0 then return "Nothing was measured yet.\n" end
  local shown, titles = all_shown(records)
  local parts, notes, seen, legend = {}, {}, {}, {}
  for i, record in ipairs(records) do
    parts[i] = rows_of(record, shown, is_summary)
    add_notes(notes, seen, record.notes)
    legend[i] = ("* **%s** (%s): %s\n"):format(record.title, record.date, record.about)
  end
  return table.concat {
    ("Measured on %s. In brackets: Stentor's figure divided by that one.\n\n"):format(
      records[#records].machine),
    markdown.head(shown, titles), table.concat(parts), "\n", table.concat(legend),
    #notes > 0 and "\nNotes:\n\n" .. table.concat(notes) or "",
  }
end

return markdown
