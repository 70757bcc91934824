-- SPDX-License-Identifier: MIT
--- ./dev soak MINUTES [--seed N]: the fault runs, round after round on one
-- server. After each round the history is judged and the server, at rest, must
-- take no more of the machine than in the beginning. Exit code 1: it did not
-- hold.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local checker = require "spec.faults.checker"
local random = require "spec.faults.random"
local rest = require "spec.faults.rest"
local schedule = require "spec.faults.schedule"
local world = require "spec.faults.world"

local READERS = 24
local WORKERS, WORKERS_MAX = 2, 4 -- at rest, and ever (kinds.lua)
local ROUND_SECONDS = 32
local REST_SECONDS = 15

-- Two kinds of round, in turn. A brain that dies often is started again ever
-- more slowly, until it has lived for 30 s: so after a round of deaths one
-- without.
local EVERY_ROUND = {
  stop_reading = 8, cut = 8, stay_away = 6, storm = 3, cut_publisher = 4, newcomer = 3,
  kill_worker = 1, freeze_worker = 2, change_workers = 2, reload_good = 1, reload_bad = 1,
  drain = 1,
}
local DEATHS = {
  reload_good = 1, reload_bad = 1, kill_two = 1, die_at_step = 2, hang = 1, freeze_brain = 1,
}

local function arguments()
  local minutes, seed = nil, random.seed()
  local at = 1
  while arg[at] do
    if arg[at] == "--seed" then
      at = at + 1
      seed = tonumber(arg[at])
    else
      minutes = tonumber(arg[at])
    end
    at = at + 1
  end
  if not minutes or minutes <= 0 or not seed then
    io.stderr:write "usage: ./dev soak MINUTES [--seed N]\n"
    os.exit(2)
  end
  return minutes, seed
end

local function say(format, ...)
  io.write(format:format(...), "\n")
  io.flush()
end

local function counts_of_round(number)
  local counts = {}
  for name, count in pairs(EVERY_ROUND) do counts[name] = count end
  if number % 2 == 1 then
    for name, count in pairs(DEATHS) do counts[name] = count end
  end
  return counts
end

local function add_up(totals, report)
  for name, value in pairs(report) do
    if type(value) == "number" then totals[name] = (totals[name] or 0) + value end
  end
end

local function words(sample)
  local list = {}
  for _, role in ipairs { "supervisor", "worker", "brain" } do
    local one = sample[role]
    if one then
      list[#list + 1] = ("%s %.1f MB, %d descriptors"):format(role, one.bytes / 2 ^ 20,
        one.descriptors)
    end
  end
  return table.concat(list, "; ")
end

-- Takes the sample of a round, once what has ended is also seen to have ended.
local function sample_at_rest(one, samples)
  local place = #samples + 1
  pcall(eventually, function()
    samples[place] = rest.sample(one.server.pid, one:connections())
    return #rest.judge(samples) == 0
  end, REST_SECONDS)
end

-- One round; returns what is wrong, nil if nothing is.
local function play_round(one, number, totals, samples)
  one:begin()
  one:play(schedule.make(one.seed + number, ROUND_SECONDS, counts_of_round(number)))
  -- A terminal interrupts the server as well: there is nothing to judge then.
  if one.interrupted then return nil end
  one.workers = WORKERS
  one:settle()
  local report = one:judge()
  one:trim(READERS)
  add_up(totals, report)
  if next(report.broken) then
    return ("%s\n\nwhat was done:\n%s\n\nthe server's log:\n%s"):format(checker.text(report),
      table.concat(one.injected, "\n"), one.server:log():sub(-6000))
  end
  sample_at_rest(one, samples)
  say("round %d: %d events, %d deliveries, %d gaps; %s", number, report.events,
    report.deliveries, report.gaps, words(samples[#samples]))
  local grown = rest.judge(samples)
  return grown[1] and table.concat(grown, "\n")
end

local function summary(one, totals, samples, started)
  local names, faults = {}, {}
  for name in pairs(one.counts) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do faults[i] = name .. " " .. one.counts[name] end
  say("\nseed        %d, %d rounds, %.1f minutes", one.seed, totals.rounds,
    (uv.hrtime() - started) / 60e9)
  say("faults      %s", table.concat(faults, ", "))
  say("events      %d answered, %d unanswered, %d known to be there", totals.answered or 0,
    totals.unanswered or 0, totals.events or 0)
  say("deliveries  %d, on %d streams, with %d gaps", totals.deliveries or 0, totals.opens or 0,
    totals.gaps or 0)
  if #samples > 0 then
    say("at first    %s", words(samples[1]))
    say("at last     %s", words(samples[#samples]))
  end
end

local function soak(minutes, seed)
  local started = uv.hrtime()
  say("seed %d, %g minutes", seed, minutes)
  local one = world.open {
    seed = seed, readers = READERS, workers = WORKERS, npm = true, hurts = true, pause_ms = 20,
    binary = server.binary .. "-faults",
  }
  local signals = {}
  for i, name in ipairs { "sigint", "sigterm" } do
    signals[i] = uv.new_signal()
    signals[i]:start(name, function() one.interrupted = true end)
  end
  -- Whatever number of workers there will be, it has been there before.
  one.workers = WORKERS_MAX
  one:begin()
  one:settle()
  one:judge()
  local totals, samples = { rounds = 0 }, {}
  local wrong
  repeat
    totals.rounds = totals.rounds + 1
    wrong = play_round(one, totals.rounds, totals, samples)
    collectgarbage()
  until wrong or one.interrupted or uv.hrtime() - started > minutes * 60e9
  summary(one, totals, samples, started)
  if not wrong and not one.interrupted then one:close() end -- insists on a calm end
  if one.interrupted then world.stop_all() end
  for _, signal in ipairs(signals) do signal:close() end
  uv.run "nowait"
  return wrong, one.interrupted
end

local minutes, seed = arguments()
local ok, wrong, interrupted = xpcall(soak, debug.traceback, minutes, seed)
local stopped, why = pcall(server.stop_all)
if not stopped and not interrupted then
  wrong = ("%s\n%s"):format(tostring(wrong or ""), tostring(why))
end
if wrong then
  say("\nwrong:\n%s\n\nverdict     FAILED; ./dev soak %g --seed %d does the same", wrong, minutes,
    seed)
elseif interrupted then
  say "verdict     interrupted; up to then all of it held"
elseif ok then
  say "verdict     all of it holds"
end
os.exit((wrong or interrupted) and 1 or 0)
