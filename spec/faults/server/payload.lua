-- SPDX-License-Identifier: MIT
--- What an event of the fault runs carries: which one it is, and a filling
-- that follows from that, so that whoever gets it can tell whether it is whole.
-- The server makes it (config.lua), the checker makes it again.
local payload = {}

local SIZES = { big = 16000 } -- of a channel's fillings, at most
local letters = "abcdefghijklmnopqrstuvwxyz"

--- The data of event number `n` of `publisher` on `channel`.
function payload.text(channel, publisher, n)
  local size = n * 7919 % (SIZES[channel] or 240)
  local at = n % 26
  local filling = (letters:sub(at + 1) .. letters):rep(size / 26 + 1):sub(1, size)
  -- Some of several lines.
  if n % 5 == 0 then filling = filling .. "\n" .. n .. "\n:" end
  return ("%s %s %d %s"):format(channel, publisher, n, filling)
end

--- Which event a text is: channel, publisher, number; nil if it is none, or
-- not whole.
function payload.read(text)
  local channel, publisher, number = text:match "^(%S+) (%S+) (%d+) "
  local n = tonumber(number)
  if n and payload.text(channel, publisher, n) == text then return channel, publisher, n end
end

return payload
