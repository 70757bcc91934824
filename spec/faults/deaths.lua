-- SPDX-License-Identifier: MIT
--- What the server's log says of ends that nobody has brought about: a process
-- that finds its own memory spoilt ends itself, and is started again so quickly
-- that no client might notice.
local deaths = {}

-- Killed by us or by the watchdog; or in order, as a surplus worker does, or a
-- brain that has just said what is wrong with its config.
local function is_expected(line, before)
  return line:find "ended[^:]*: signal 9 " or line:find "ended[^:]*: exit code 0"
    or (line:find "brain.* ended[^:]*: exit code 1"
      and before:find "error supervisor: config%.lua:")
end

--- The lines of `log` that tell of such an end, or of what led to it.
function deaths.unexpected(log)
  local found, before = {}, ""
  for line in log:gmatch "[^\n]+" do
    local ended = line:find "supervisor: .*ended[^:]*: " and not is_expected(line, before)
    local bug = line:find "stentor: bug at" or line:find "Sanitizer" or line:find "runtime error"
    if ended or bug then found[#found + 1] = line end
    before = line
  end
  return found
end

return deaths
