-- SPDX-License-Identifier: MIT
-- The bench: figures as ratios, all taken in one run, because figures of two
-- runs on a shared machine cannot be compared. From the top folder:
--
--   luajit spec/bench/bench.lua [options] [scenario…]
--
--   --peers        beside other servers too; installs those that can be had
--   --only=NAME    beside this one only
--   --short        a smoke check: 1,000 clients, 2 s; speed is not judged
--   --giant        250,000 clients on one machine, and nothing else
--   --binary=PATH  of our server
--
-- One Markdown table goes to stdout, and to build/bench/results.md; all that
-- was measured to results.json, plots to build/bench/plots. Exit code 1 if a
-- goal was missed.
package.path = "./?.lua;" .. package.path

local json = require "cjson"
local uv = require "luv"
local judge = require "spec.bench.judge"
local markdown = require "spec.bench.markdown"
local peers = require "spec.bench.peers"
local plot = require "spec.bench.plot"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"
local scenarios = require "spec.bench.scenarios"
local server = require "spec.bench.server"

local full = { clients = 10000, seconds = 5, few = 200, everyday = 1000, channels = 40,
               crowd = 50000 }
local short = { clients = 1000, seconds = 2, few = 100, everyday = 200, channels = 10,
                crowd = 2000 }

local function refuse(argument)
  io.stderr:write(("bench: unknown: %s\n" ..
                   "options: --peers --only=NAME --short --giant --binary=PATH\n" ..
                   "scenarios: %s\npeers: %s\n"):format(
    argument, table.concat(scenarios.order, " "), table.concat(peers.order, " ")))
  os.exit(2)
end

local function parse(arguments)
  local options, names = { size = full }, {}
  local i = 1
  while arguments[i] do
    local argument = arguments[i]
    local name, value = argument:match("^(%-%-[^=]+)=(.*)$")
    if argument == "--only" then
      i = i + 1
      name, value = argument, arguments[i] or ""
    end
    if argument == "--short" then
      options.size = short
    elseif argument == "--peers" or argument == "--giant" then
      options[argument:sub(3)] = true
    elseif name == "--binary" then
      server.binary = value
    elseif name == "--only" and peers.exists(value) then
      options.peers, options.only = true, value
    elseif scenarios.exists(argument) then
      names[#names + 1] = argument
    else
      refuse(value and name == "--only" and value or argument)
    end
    i = i + 1
  end
  options.scenarios = #names > 0 and names or scenarios.order
  return options
end

local out = {}

local function say(...)
  io.stdout:write(...)
  io.stdout:flush()
  for _, text in ipairs { ... } do out[#out + 1] = text end
end

local function note(notes, ...)
  notes[#notes + 1] = table.concat({ ... })
  io.stderr:write("bench: ", notes[#notes], "\n")
end

-- The peers that can be had, by name, and their names in order.
local function gather(options, notes)
  local found, shown = {}, {}
  for _, name in ipairs(peers.order) do
    local peer = peers.get(name)
    local is_wanted = name == "stentor" or peer.always or
                      options.peers and (not options.only or options.only == name)
    local why = is_wanted and peers.install(peer)
    if why then
      if peer.always then error(("%s: %s"):format(peer.title, why), 0) end
      note(notes, peer.title, ": ", why)
    elseif is_wanted then
      found[name] = peer
      shown[#shown + 1] = name
    end
  end
  return found, shown
end

-- The figures of one scenario, by peer. That a peer fails is a note; that we
-- do is a failure of the bench.
local function measure(name, scenario, found, shown, context)
  local figures = {}
  for _, peer_name in ipairs(shown) do
    local peer = found[peer_name]
    local lack = peer.lacks and peer.lacks[name]
    if lack then
      note(context.notes, peer.title, ", ", scenario.title, ": ", lack)
    else
      local began = uv.hrtime()
      local passed, result = pcall(scenario.measure, peer, context.size, context)
      if passed then
        figures[peer_name] = result
      elseif result == "interrupted" or peer_name == "stentor" then
        error(result, 0)
      else
        note(context.notes, peer.title, ", ", scenario.title, ": ", tostring(result))
      end
      io.stderr:write(("bench: %s, %s: %.1f s\n"):format(name, peer.title,
                                                         (uv.hrtime() - began) / 1e9))
    end
  end
  return figures
end

local function write_plots(name, scenario, lines, found, shown)
  uv.fs_mkdir(server.folder .. "/plots", 493)
  for _, line in ipairs(lines) do
    local picture = line.key and plot.bars(scenario.title, line, found, shown)
    if picture then
      server.write(("%s/plots/%s-%s.svg"):format(server.folder, name, line.key), picture)
    end
  end
end

local function run(options, results)
  local notes = {}
  local found, shown = gather(options, notes)
  local context = { size = options.size, notes = notes, figures = {} }
  local is_short = options.size == short
  local all_good = true
  say(("%s; %s%s\n\n"):format(results.machine, results.date,
                              is_short and "; a smoke check, not a measurement" or ""))
  say("In brackets: stentor's figure divided by that one.\n\n", markdown.head(found, shown))
  for _, name in ipairs(options.scenarios) do
    local scenario = scenarios.get(name)
    local figures = measure(name, scenario, found, shown, context)
    context.figures[name] = figures
    local lines = judge.lines(scenario.rows(options.size), figures, found, shown, not is_short)
    for _, line in ipairs(lines) do
      say(markdown.line(scenario.title, line, shown))
      all_good = all_good and line.good
    end
    write_plots(name, scenario, lines, found, shown)
    results.scenarios[name] = { lines = lines, figures = figures }
  end
  say(markdown.notes(notes))
  results.notes = notes
  return all_good
end

local function main(arguments)
  local options = parse(arguments)
  if options.giant then
    return require("spec.bench.giant").run { clients = 250000, seconds = 60 } and 0 or 1
  end
  local results = { date = os.date("!%Y-%m-%dT%H:%M:%SZ"), machine = proc.machine(),
                    short = options.size == short, scenarios = {} }
  local all_good
  uv.fs_mkdir("build", 493)
  uv.fs_mkdir(server.folder, 493)
  uv.fs_mkdir(server.folder .. "/peers", 493)
  process.log = server.folder .. "/bench.log"
  os.remove(process.log)
  process.guard(function() all_good = run(options, results) end)
  server.write(server.folder .. "/results.md", table.concat(out))
  server.write(server.folder .. "/results.json", json.encode(results) .. "\n")
  return all_good and 0 or 1
end

local finished, code = pcall(main, arg)
if not finished then
  io.stderr:write("bench: ", tostring(code), "\n")
  code = 1
end
os.exit(code)
