-- SPDX-License-Identifier: MIT
--- ./dev fuzz MINUTES [NAME…]: the fuzz targets under libFuzzer, one after the
-- other, each for its share of the time. What reached new code is kept in
-- build/fuzz/corpus for the next time. Exit code 1: an input was found that
-- must not be; it is in build/fuzz/found.
local seeds = require "spec.fuzz.seeds"

local INPUT_MAX = 8192
local USAGE = "usage: ./dev fuzz MINUTES [NAME...], with any of: %s\n"

local function all_names()
  local names = {}
  for name in pairs(seeds.of) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function arguments()
  local minutes, names = tonumber(arg[1]), { unpack(arg, 2) }
  local known = true
  for _, name in ipairs(names) do known = known and seeds.of[name] end
  if not minutes or minutes <= 0 or not known then
    io.stderr:write(USAGE:format(table.concat(all_names(), " ")))
    os.exit(2)
  end
  return minutes, #names > 0 and names or all_names()
end

--- Runs one target; true if it found nothing.
local function fuzz(name, seconds)
  local corpus, found = "build/fuzz/corpus/" .. name, "build/fuzz/found/"
  local log = "build/fuzz/" .. name .. ".log"
  assert(os.execute(("mkdir -p %s %s"):format(corpus, found)) == 0)
  local code = os.execute(("build/fuzz/fuzz-%s -max_total_time=%d -max_len=%d -timeout=10 "
    .. "-print_final_stats=1 -artifact_prefix=%s%s- %s %s >%s 2>&1")
    :format(name, seconds, INPUT_MAX, found, name, corpus, seeds.write(name), log))
  local file = assert(io.open(log))
  local text = file:read "*a"
  file:close()
  if code ~= 0 then
    io.write(text:sub(-4000), "\n", name, ": FOUND; build/fuzz/fuzz-", name, " FILE repeats it\n")
    return false
  end
  io.write(("%s: %s inputs, %s parts of the code reached, nothing found\n"):format(name,
    text:match "number_of_executed_units:%s*(%d+)", text:match ".*cov: (%d+)"))
  io.flush()
  return true
end

local minutes, names = arguments()
local fine = true
for _, name in ipairs(names) do
  fine = fuzz(name, math.ceil(minutes * 60 / #names)) and fine
end
os.exit(fine and 0 or 1)
