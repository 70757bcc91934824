-- SPDX-License-Identifier: MIT
-- What is measured. Each scenario is a file of spec/bench/scenarios, a table with
--
--   title, about                  for the table, and one line on what happens
--   alone                         true: our server only, nothing to compare with
--   measure(peer, size, context)  starts a server of the peer, measures it, and
--                                 returns figures by name; context.figures holds
--                                 those of this run so far, by scenario and peer
--   rows(size)                    how they are shown and judged: see figure.lua
--
-- A scenario that needs another config.lua of our server gives it to
-- server.with: PORT and WORKERS in it are replaced. Sizes come from `size`
-- (bench.lua), so that --short checks all of it in seconds.
--
-- A goal of a row is { ceiling or floor = number }: of the figure itself, or
-- with `of = { peers… }` of its ratio to the better of these peers' figures.
local scenarios = {
  order = { "paced", "latency", "flat", "burst", "channels", "slow", "reconnect", "storm", "resume",
            "memory", "large", "connect", "crowd", "idle", "sink", "kafka", "kafka_live" },
}

function scenarios.get(name) return require("spec.bench.scenarios." .. name) end

function scenarios.exists(name)
  for _, known in ipairs(scenarios.order) do
    if known == name then return true end
  end
  return false
end

return scenarios
