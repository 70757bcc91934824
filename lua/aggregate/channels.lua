-- SPDX-License-Identifier: MIT
-- Feeds an aggregate with the events of channels, read from the journal by
-- position and in its order: whoever published them, and whichever brain was
-- in charge.
local channels = {}
channels.__index = channels

-- So much of the journal may be passed between two savings: what is passed
-- must still be there when it has to be read again.
local JOURNAL_SHARE = 8

function channels.new(aggregate, list)
  return setmetatable({ aggregate = aggregate, list = list }, channels)
end

-- `at`: what position() told the brain before, or nil. Returns where in the
-- journal that is.
function channels:start(at)
  local server, numbers = self.aggregate.server, {}
  for i, channel in ipairs(self.list) do numbers[i] = channel.number end
  table.sort(numbers)
  self.reader = server.core.reader(numbers, function(number)
    return server.numbered[number]
  end)
  local ok, why, code = self.reader.seek(at and at.epoch, at and at.seq)
  if not ok then
    if code ~= "ENOTFOUND" then error(why, 0) end
    self.aggregate:lost("the journal is another one")
  end
  self.saved_at = self.reader.place()
  self.unsaved_max = server.settings.journal_bytes / JOURNAL_SHARE
  server.core.follow()
  return self.saved_at
end

-- Reads until all is read or the time is `deadline`; returns whether there is
-- more.
function channels:run(deadline)
  local aggregate, reader = self.aggregate, self.reader
  local core = aggregate.server.core
  repeat
    local count, why, code = reader.read()
    if count then
      if count > 0 then
        aggregate:take(reader.view, count, aggregate.source)
      end
    elseif code == "EOVERRUN" then
      aggregate:lost("events were overwritten before they were read")
    else
      error(why, 0)
    end
    if reader.place() - self.saved_at > self.unsaved_max then
      aggregate:save()
    end
  until reader.behind() == 0 or core.monotonic() >= deadline
  return reader.behind() > 0
end

function channels:saved() self.saved_at = self.reader.place() end

function channels:position()
  local epoch, seq = self.reader.position()
  return { epoch = epoch, seq = seq }
end

return channels
