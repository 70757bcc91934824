-- SPDX-License-Identifier: MIT
--- Waiting for something to come true, never for a time to pass. The loop runs
-- in between, so sockets, processes and timers of the spec go on.
local uv = require "luv"

local poll_ms = 5
local HANGS = 60

-- Lets the loop run for at most `milliseconds`, less if something happens.
local function turn(milliseconds)
  local timer = uv.new_timer()
  uv.update_time() -- a stale clock would let it fire before the loop waits
  -- Again and again: one that is due before the loop begins does not wake it.
  timer:start(milliseconds, math.max(milliseconds, 1), function() end)
  uv.run "once"
  timer:close()
  uv.run "nowait"
end

local eventually = { turn = turn }

--- Calls `check` until it returns something true and does not throw; returns
-- what it returned. After `seconds` it throws what `check` last threw; a minute
-- is what most need to say that something hangs, however busy the machine is.
function eventually.becomes(check, seconds, level)
  seconds = seconds or HANGS
  local deadline = uv.hrtime() + seconds * 1e9
  while true do
    local ok, result = pcall(check)
    if ok and result then return result end
    if uv.hrtime() > deadline then
      local why = ok and "it never came true" or result
      if type(why) == "table" then error(why, 0) end -- an assertion of luassert
      error(("after %g s: %s"):format(seconds, tostring(why)), (level or 1) + 1)
    end
    turn(poll_ms)
  end
end

--- Runs the loop for `seconds` and throws as soon as `check` is not true: for
-- what must not happen.
function eventually.stays(check, seconds)
  local deadline = uv.hrtime() + seconds * 1e9
  while uv.hrtime() < deadline do
    if not check() then error("it did not stay true", 2) end
    turn(poll_ms)
  end
end

return setmetatable(eventually, {
  __call = function(_, check, seconds)
    return eventually.becomes(check, seconds, 2)
  end,
})
