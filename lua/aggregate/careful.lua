-- SPDX-License-Identifier: MIT
-- Records at which the brain dies. A script's function that hangs at one of
-- them would hang again in every brain to come, so after a death in an
-- aggregate its records are taken one by one for a while, each shown to the
-- supervisor, and the one at which it dies time and again is passed over.
local careful = {}

local RECORDS = 100000 -- taken one by one after a death

-- Whether brains have died in this aggregate.
function careful.begin(aggregate)
  local deaths = aggregate.server.core.deaths(aggregate.source, 0)
  aggregate.careful_left = deaths > 0 and RECORDS or 0
end

-- Takes the records of a batch one by one; `take(index)` takes one. `place`
-- names where they are from.
function careful.take(aggregate, view, count, place, take)
  local server = aggregate.server
  local core, log = server.core, server.log
  local shown = { title = aggregate.title }
  for index = 0, count - 1 do
    view.index = index
    shown.source = view.partition and ("%s/%d"):format(place, view.partition)
      or place
    shown.position = view.offset or view.seq
    local deaths, most = core.deaths(shown.source, shown.position)
    if deaths >= most then
      core.pass_over()
      log.error(("%s: the brain has died %d times at one record (%s, %d): it "
        .. "is left out"):format(aggregate.title, tonumber(deaths),
        shown.source, shown.position))
    else
      core.doing(shown)
      take(index)
    end
  end
  aggregate.careful_left = math.max(aggregate.careful_left - count, 0)
  core.doing(aggregate)
end

return careful
