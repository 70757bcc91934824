-- SPDX-License-Identifier: MIT
-- The bench: figures as ratios, all taken in one run, because figures of two
-- runs on a shared machine cannot be compared. From the top folder:
--
--   luajit spec/bench/bench.lua [option…] [scenario…]     (--help tells them)
--
-- Rows of one Markdown table go to stdout as they come. build/bench/ keeps them:
-- results/NAME.json with all that was measured, plots/NAME-FIGURE.svg, and
-- figures.md, the table of every scenario that ever ran there. Exit code 1 if a
-- goal was missed.
package.path = "./?.lua;" .. package.path

local uv = require "luv"
local judge = require "spec.bench.judge"
local markdown = require "spec.bench.markdown"
local measure = require "spec.bench.measure"
local peers = require "spec.bench.peers"
local plot = require "spec.bench.plot"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"
local record = require "spec.bench.record"
local scenarios = require "spec.bench.scenarios"
local server = require "spec.bench.server"

local usage = [[
usage: ./dev bench [option…] [scenario…]

  --list           what scenarios and what other servers there are
  --peers          beside all other servers too; gets those that can be had,
                   below build/bench/peers
  --only=NAME,…    beside these (as above); --only=none: our server alone
  --rounds=N       each so many times, in turn; the middle one counts (1)
  --seconds=N      how long a load lasts (5)
  --short          a smoke check: 1,000 clients, 2 s; speed is not judged, and
                   nothing is kept
  --giant          250,000 clients on one machine, and nothing else; with
                   --short, 5,000
  --readme         write the table of what was measured into README.md
  --binary=PATH    of our server
]]

local BUSY = 2 -- from this load average on the machine has other things to do

local full = { clients = 10000, seconds = 5, few = 1000, many = 15000, everyday = 1000,
               channels = 40, crowd = 50000, idle = 100000, idle_seconds = 60, records = 3000000 }
local short = { clients = 1000, seconds = 2, few = 200, many = 1000, everyday = 200, channels = 10,
                crowd = 2000, idle = 1000, idle_seconds = 4, records = 50000 }

local function say(...)
  io.stdout:write(...)
  io.stdout:flush()
end

local function refuse(what)
  io.stderr:write("bench: unknown: ", what, " (try: ./dev bench --help)\n")
  os.exit(2)
end

local function names_of(text)
  local names = {}
  for name in text:gmatch "[^,]+" do
    if not peers.exists(name) then refuse(name) end
    names[name] = true
  end
  return names
end

local switches = { list = true, peers = true, short = true, giant = true, readme = true,
                   help = true }

local function parse(arguments)
  local options, names = { rounds = 1 }, {}
  for _, argument in ipairs(arguments) do
    local name, value = argument:match "^%-%-([%w-]+)=?(.*)$"
    if switches[name] and value == "" then
      options[name] = true
    elseif (name == "rounds" or name == "seconds") and tonumber(value) then
      options[name] = tonumber(value)
    elseif name == "binary" then
      server.binary = value
    elseif name == "only" then
      options.only = value == "none" and {} or names_of(value)
    elseif scenarios.exists(argument) then
      names[#names + 1] = argument
    else
      refuse(argument)
    end
  end
  options.scenarios = #names > 0 and names or scenarios.order
  options.size = {}
  for name, value in pairs(options.short and short or full) do options.size[name] = value end
  options.size.seconds = options.seconds or options.size.seconds
  return options
end

local function list()
  say "scenarios:\n"
  for _, name in ipairs(scenarios.order) do
    say(("  %-12s %s\n"):format(name, scenarios.get(name).about))
  end
  say "other servers:\n"
  for _, name in ipairs(peers.order) do
    if name ~= "stentor" then say(("  %-12s %s\n"):format(name, peers.get(name).title)) end
  end
end

local function is_wanted(options, name, peer)
  if name == "stentor" then return true end
  if options.only then return options.only[name] end
  return peer.always or options.peers
end

-- The servers that can be had, by name, and their names in order.
local function gather(options, notes)
  local found, shown = {}, {}
  for _, name in ipairs(peers.order) do
    local peer = peers.get(name)
    local wanted = is_wanted(options, name, peer)
    local why = wanted and peers.install(peer)
    if why then
      measure.note(notes, peer.title, ": ", why)
    elseif wanted then
      found[name] = peer
      shown[#shown + 1] = name
    end
  end
  return found, shown
end

local function write_plots(name, scenario, lines, found, shown)
  for _, line in ipairs(lines) do
    local picture = line.key and plot.bars(scenario.title, line, found, shown)
    if picture then
      line.plot = ("plots/%s-%s.svg"):format(name, line.key)
      server.write(("%s/%s"):format(server.folder, line.plot), picture)
    end
  end
end

-- A machine that has other things to do spoils what is measured on it.
local function note_load(notes)
  local load = proc.load_average()
  if load >= BUSY then
    measure.note(notes, ("the machine was busy when it began (load average %.1f): the figures "
      .. "of %s are worth little"):format(load, os.date "!%Y-%m-%d %H:%M UTC"))
  end
end

local function run(options)
  local missing, all_good = {}, true
  note_load(missing)
  local found, shown = gather(options, missing)
  local context = { size = options.size, rounds = options.rounds, figures = {} }
  local titles = markdown.titles(shown)
  say(("%s; %s%s\n\n"):format(proc.machine(), os.date "!%Y-%m-%d %H:%M UTC",
                              options.short and "; a smoke check, not a measurement" or ""))
  say("In brackets: Stentor's figure divided by that one.\n\n", markdown.head(shown, titles))
  for _, name in ipairs(options.scenarios) do
    local scenario = scenarios.get(name)
    context.notes = { unpack(missing) }
    local figures = measure.scenario(name, scenario, found, shown, context)
    context.figures[name] = figures
    local lines = judge.lines(scenario.rows(options.size), figures, found, shown,
                              not options.short)
    for _, line in ipairs(lines) do
      say(markdown.line(scenario.title, line, shown))
      all_good = all_good and line.good
    end
    if not options.short then
      write_plots(name, scenario, lines, found, shown)
      record.save(name, { title = scenario.title, about = scenario.about, lines = lines,
                          shown = shown, titles = titles, notes = context.notes,
                          figures = figures, size = options.size })
    end
  end
  if not options.short then
    server.write(server.folder .. "/figures.md", markdown.report(record.load_all()))
    say(("\n%s/figures.md has all that was measured there\n"):format(server.folder))
  end
  return all_good
end

local function main(arguments)
  local options = parse(arguments)
  if options.help then
    say(usage)
    return true
  elseif options.list then
    list()
    return true
  elseif options.readme then
    record.write_readme()
    return true
  end
  for _, folder in ipairs { "build", server.folder, server.folder .. "/peers",
                            server.folder .. "/plots", record.folder } do
    uv.fs_mkdir(folder, 493)
  end
  if options.giant then
    local giant = require "spec.bench.giant"
    if options.short then return giant.run { clients = 5000, seconds = 16 } end
    return giant.run { clients = 250000, seconds = 60, keeps = true }
  end
  process.log = server.folder .. "/bench.log"
  os.remove(process.log)
  local all_good
  process.guard(function() all_good = run(options) end)
  return all_good
end

local finished, good = pcall(main, arg)
if not finished then io.stderr:write("bench: ", tostring(good), "\n") end
os.exit(finished and good and 0 or 1)
