-- SPDX-License-Identifier: MIT
-- Channels that a config before this one had, and this one has not: their
-- streams end, and their numbers are given back once nobody is left.
local family = require "stentor.family"

local removed = {}

local LOOK_MS = 1000

local function find(server)
  local core, numbers, number = server.core, {}, 0
  while true do
    local name = core.channel_name(number)
    if not name then return numbers end
    if name ~= "" and not server.numbered[number]
        and not family.covers(server, name) then
      numbers[#numbers + 1] = number
    end
    number = number + 1
  end
end

local function give_back(server, numbers)
  local left = {}
  for _, number in ipairs(numbers) do
    if not server.core.close(number) then left[#left + 1] = number end
  end
  if #left > 0 and server.phase == "running" then
    server.clock:after(LOOK_MS, function() give_back(server, left) end)
  end
end

-- This brain is in charge, and has opened its own channels.
function removed.withdraw(server)
  local numbers = find(server)
  if #numbers == 0 then return end
  local named = {}
  for i = 1, math.min(#numbers, 5) do
    named[i] = server.core.channel_name(numbers[i])
  end
  server.log.info(("%d channels are no longer in the config, their streams "
    .. "end: %s%s"):format(#numbers, table.concat(named, ", "),
    #numbers > 5 and ", …" or ""))
  local ok, why = server.core.remove(numbers)
  if not ok then return server:failed("removed channels", why) end
  give_back(server, numbers)
end

return removed
