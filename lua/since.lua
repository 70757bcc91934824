-- SPDX-License-Identifier: MIT
-- Where a stream begins for a client without an id: "now", 50, "10m", "all".
local units = require "stentor.units"

local since = {}

since.expects = '"now", a number of events (at most 65536), a duration such as '
  .. '"10m", or "all"'

-- The numbers are those of `enum stentor_since`; lua/core.lua has the same
-- under `since`, and its spec compares them.
local NOW = { kind = 0, value = 0 }
local ALL = { kind = 3, value = 0 }

local COUNT_MAX = 65536

-- { kind, value }, as the core takes it; nil if `value` is nothing of these.
function since.parse(value)
  if value == "now" then return NOW end
  if value == "all" then return ALL end
  if type(value) == "number" then
    if value < 0 or value > COUNT_MAX or value ~= math.floor(value) then
      return nil
    end
    return { kind = 1, value = value }
  end
  local seconds = units.duration(value)
  return seconds and { kind = 2, value = seconds * 1000 } or nil
end

return since
