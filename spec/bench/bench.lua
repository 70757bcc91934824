-- SPDX-License-Identifier: MIT
-- The bench: figures as ratios, each pair taken in one run, because figures of
-- two runs on a shared machine cannot be compared. From the top folder:
--
--   luajit spec/bench/bench.lua [--short] [--binary=PATH] [scenario…]
--
-- A Markdown table goes to stdout, everything measured to
-- build/bench/results.json. Exit code 1 if a goal was missed.
package.path = "./?.lua;" .. package.path

local json = require "cjson"
local uv = require "luv"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"
local scenarios = require "spec.bench.scenarios"
local server = require "spec.bench.server"

local full = { clients = 10000, seconds = 10, few = 1000, many = 15000, crowd = 45000 }
local short = { clients = 1000, seconds = 2, few = 200, many = 1000, crowd = 1000 }

local function parse(arguments)
  local size, names = full, {}
  for _, argument in ipairs(arguments) do
    if argument == "--short" then
      size = short
    elseif argument:find("^%-%-binary=") then
      server.binary = argument:match("=(.*)")
    elseif type(scenarios[argument]) == "function" then
      names[#names + 1] = argument
    else
      io.stderr:write(("bench: unknown: %s (there are: --short --binary=PATH %s)\n"):format(
        argument, table.concat(scenarios.order, " ")))
      os.exit(2)
    end
  end
  return size, #names > 0 and names or scenarios.order
end

local function say(...)
  io.stdout:write(...)
  io.stdout:flush()
end

-- Of a smoke check only the order and completeness of events is judged.
local function judge(row, is_short)
  if is_short and row.goal ~= "all" then row.goal, row.good = nil, nil end
  return row.good ~= false
end

local function verdict(row)
  if row.good == nil then return "" end
  return row.good and "yes" or "**no**"
end

local function print_row(name, row)
  local ratio = row.ratio and ("%.2f"):format(row.ratio) or ""
  say(("| %s | %s | %s | %s | %s | %s | %s |\n"):format(name, row.what, row.ours, row.theirs or "",
                                                      ratio, row.goal or "", verdict(row)))
end

local function main(arguments)
  local size, names = parse(arguments)
  local results = { date = os.date("!%Y-%m-%dT%H:%M:%SZ"), machine = proc.machine(),
                    short = size == short, scenarios = {} }
  local all_good = true
  uv.fs_mkdir("build", 493)
  uv.fs_mkdir(server.folder, 493)
  process.log = server.folder .. "/bench.log"
  os.remove(process.log)

  process.guard(function()
    server.build_bare_loop()
    say(("%s; %s%s\n\n"):format(results.machine, results.date,
                                results.short and "; a smoke check, not a measurement" or ""))
    say("| scenario | measured | stentor | bare loop | ratio | goal | reached |\n")
    say("|---|---|---|---|---|---|---|\n")
    for _, name in ipairs(names) do
      local rows, reports = scenarios[name](size)
      for _, row in ipairs(rows) do
        all_good = judge(row, results.short) and all_good
        print_row(name, row)
      end
      results.scenarios[name] = { rows = rows, reports = reports }
    end
  end)

  local file = assert(io.open(server.folder .. "/results.json", "w"))
  file:write(json.encode(results), "\n")
  file:close()
  return all_good and 0 or 1
end

local finished, code = pcall(main, arg)
if not finished then
  io.stderr:write("bench: ", tostring(code), "\n")
  code = 1
end
os.exit(code)
