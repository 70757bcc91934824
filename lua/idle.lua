-- SPDX-License-Identifier: MIT
-- Members of families that nobody uses are dropped, so that their places in the
-- channel table can go to others. Nothing is lost by it: the place keeps its
-- name until the ring has passed its last event, and whoever asks for the
-- member before then finds it as it was. Only when the table is full does the
-- core let go of history for it (stentor_channel).
local family = require "stentor.family"

local idle = {}

local LOOK_MS = 10000
local PRESSED_MS = 30000 -- unused for so long, they go if room is short
local PRESSED_SHARE = 0.75 -- of `limits.channels`: from here on it is

-- What is to be copied to a topic may not be copied yet, and what `latest`
-- knows may be older than the ring.
local function may_go(channel)
  return channel.family and not channel.settings.into and not channel.latest
end

local function drop(server, member)
  if not server.core.close(member.number) then return end
  server.channels[member.name], server.numbered[member.number] = nil, nil
  member.gone = true
end

-- Time counts from when it was first seen unused.
local function look_at(server, member, now, pressed)
  if member.used or server.core.clients(member.number) > 0 then
    member.used, member.unused_since = false, now
    return
  end
  local unused, most = now - member.unused_since, member.settings.idle * 1000
  if unused >= most or (pressed and unused >= PRESSED_MS) then
    drop(server, member)
  end
end

local function look(server)
  if server:pauses(look, server) then return end
  -- By the first look, what happened to clients of before has been told.
  if not server.left_members then
    server.left_members = true
    family.leave(server)
  end
  local count, now = 0, server.core.monotonic()
  for _ in pairs(server.channels) do count = count + 1 end
  local pressed = count >= server.settings.limits.channels * PRESSED_SHARE
  for _, channel in pairs(server.channels) do
    if may_go(channel) then look_at(server, channel, now, pressed) end
  end
  server.clock:after(LOOK_MS, look, server)
end

-- Once this brain is in charge.
function idle.start(server)
  if #server.families > 0 then server.clock:after(LOOK_MS, look, server) end
end

return idle
