-- SPDX-License-Identifier: MIT
-- The last event of each key of a channel, as it went over the wire, for
-- newcomers. Bounded in keys and in bytes, since a newcomer is sent all of it:
-- the key that was silent for longest is forgotten first.
local latest = {}
latest.__index = latest

-- A ring of entries: `ring.next` is the oldest, `ring.before` the newest.
function latest.new(max, max_bytes)
  local ring = {}
  ring.next, ring.before = ring, ring
  return setmetatable({ entries = {}, ring = ring, count = 0, bytes = 0,
    max = max, max_bytes = max_bytes, forgotten = 0 }, latest)
end

local function unlink(entry)
  entry.before.next, entry.next.before = entry.next, entry.before
end

local function append(ring, entry)
  entry.before, entry.next = ring.before, ring
  ring.before.next, ring.before = entry, entry
end

local function forget(self, entry)
  unlink(entry)
  self.entries[entry.key] = nil
  self.count, self.bytes = self.count - 1, self.bytes - #entry.frame
end

-- `frame` is now the last event of `key`.
function latest:record(key, frame)
  local entry = self.entries[key]
  if entry then forget(self, entry) end
  entry = { key = key, frame = frame }
  self.entries[key] = entry
  self.count, self.bytes = self.count + 1, self.bytes + #frame
  append(self.ring, entry)
  while self.count > self.max or self.bytes > self.max_bytes do
    forget(self, self.ring.next)
    self.forgotten = self.forgotten + 1
  end
  self.joined = nil
end

-- The newest of them that fit into `room` bytes, oldest first.
function latest:preface(room)
  room = math.min(room, self.bytes)
  if not self.joined or self.joined_room ~= room then
    local frames, entry, left = {}, self.ring.before, room
    while entry ~= self.ring and #entry.frame <= left do
      frames[#frames + 1], left = entry.frame, left - #entry.frame
      entry = entry.before
    end
    for i = 1, math.floor(#frames / 2) do
      local j = #frames + 1 - i
      frames[i], frames[j] = frames[j], frames[i]
    end
    self.joined, self.joined_room = table.concat(frames), room
  end
  return self.joined
end

-- Takes over what the journal still holds: `records` newest first.
function latest:restore(records)
  local seen, kept = {}, {}
  for _, record in ipairs(records) do
    if not seen[record.key] and #kept < self.max then
      seen[record.key] = true
      kept[#kept + 1] = record
    end
  end
  for i = #kept, 1, -1 do self:record(kept[i].key, kept[i].frame) end
end

return latest
