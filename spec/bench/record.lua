-- SPDX-License-Identifier: MIT
-- What was measured, kept: one JSON file for each scenario, so that the table
-- of all can be made of scenarios that ran on their own.
local json = require "cjson"
local markdown = require "spec.bench.markdown"
local proc = require "spec.bench.proc"
local scenarios = require "spec.bench.scenarios"
local server = require "spec.bench.server"

local record = { folder = server.folder .. "/results" }

local FIRST, LAST = "<!-- ./dev bench --readme writes from here -->\n", "<!-- to here -->\n"

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

function record.save(name, result)
  result.date = os.date "!%Y-%m-%d %H:%M UTC"
  result.machine = proc.machine()
  server.write(("%s/%s.json"):format(record.folder, name), json.encode(result) .. "\n")
end

--- Those that there are, in the order of the scenarios; the giant is the last.
function record.load_all()
  local list, names = {}, { unpack(scenarios.order) }
  names[#names + 1] = "giant"
  for _, name in ipairs(names) do
    local text = read(("%s/%s.json"):format(record.folder, name))
    if text then list[#list + 1] = json.decode(text) end
  end
  return list
end

--- `text` with `page` between the two marks; throws where they are not.
function record.replace(text, page)
  local first, after = text:find(FIRST, 1, true)
  local last = first and text:find(LAST, after + 1, true)
  if not last then error("README.md has lost the marks of its figures", 0) end
  return text:sub(1, after) .. "\n" .. page .. "\n" .. text:sub(last)
end

function record.write_readme()
  server.write("README.md", record.replace(read "README.md",
                                           markdown.page(record.load_all(), true)))
end

return record
