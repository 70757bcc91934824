-- SPDX-License-Identifier: MIT
-- Scripts' failures in the log. A client may be able to bring one about with
-- each of its requests, and must not fill a disk so: of each title the first
-- ones of a second are written, then how many more there were.
local failures = {}
failures.__index = failures

local LINES, MS = 10, 1000

function failures.new(log, clock)
  return setmetatable({ log = log, clock = clock, seen = {} }, failures)
end

function failures:add(title, text)
  local seen = self.seen[title]
  if not seen then
    seen = { count = 0 }
    self.seen[title] = seen
    self.clock:after(MS, function()
      self.seen[title] = nil
      if seen.count <= LINES then return end
      self.log.error(("%s: %d more failures in that second"):format(title,
        seen.count - LINES))
    end)
  end
  seen.count = seen.count + 1
  if seen.count <= LINES then self.log.error(("%s: %s"):format(title, text)) end
end

return failures
