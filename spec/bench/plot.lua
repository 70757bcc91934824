-- SPDX-License-Identifier: MIT
-- A bar for each server, as SVG: one picture for each line of figures.
local plot = {}

local LEFT, BAR, ROOM, TOP, WIDTH = 150, 22, 8, 46, 720
local BAR_WIDTH = WIDTH - LEFT - 150

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function text_at(x, y, text, attributes)
  return ('<text x="%d" y="%d" %s>%s</text>\n'):format(x, y, attributes or "", escaped(text))
end

-- Nil if fewer than two have a figure: nothing to compare.
function plot.bars(title, line, peers, shown)
  local names, largest = {}, 0
  for _, name in ipairs(shown) do
    local value = line.values[name]
    if value and value > 0 then
      names[#names + 1] = name
      largest = math.max(largest, value)
    end
  end
  if #names < 2 then return nil end
  local height = TOP + #names * (BAR + ROOM) + ROOM
  local parts = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" ' ..
     'font-family="sans-serif" font-size="13">\n'):format(WIDTH, height, WIDTH, height),
    ('<rect width="%d" height="%d" fill="#fff"/>\n'):format(WIDTH, height),
    text_at(12, 20, title .. ": " .. line.what, 'font-weight="bold"'),
    text_at(12, 37, line.better .. " is better", 'fill="#666" font-size="11"'),
  }
  for i, name in ipairs(names) do
    local y = TOP + (i - 1) * (BAR + ROOM)
    local width = math.max(1, line.values[name] / largest * BAR_WIDTH)
    parts[#parts + 1] = text_at(LEFT - 8, y + 16, peers[name].title, 'text-anchor="end"')
    parts[#parts + 1] = ('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>\n'):format(
      LEFT, y, width, BAR, name == "stentor" and "#b3541e" or "#8da3b5")
    parts[#parts + 1] = text_at(LEFT + math.ceil(width) + 6, y + 16, line.cells[name])
  end
  parts[#parts + 1] = "</svg>\n"
  return table.concat(parts)
end

return plot
