-- SPDX-License-Identifier: MIT
-- What the fake core has of lua/core/sources.lua: the records of a source are
-- { key, text, headers } of the spec's, a batch the list of those given last.
local fake = {}

-- Adds it to `self`; self.sources are the settings of those that were opened,
-- self.done what was dealt with, self.more how often more was asked for. The
-- record at self.taken_at, once dealt with, is of somebody else.
function fake.add(self)
  self.sources, self.given, self.fed, self.done, self.more = {}, {}, {}, {}, 0
  self.feeds_max = 16
  self.source = function(settings)
    self.sources[#self.sources + 1] = settings
    return #self.sources - 1
  end
  self.batch = function() return {} end
  self.source_read = function(number, batch)
    local given = self.given[number] or { first = 1 }
    local records = given[given.first] or {}
    if given[given.first] then given.first = given.first + 1 end
    batch.count, batch.partition, batch.list = #records, 0, records
    return #records
  end
  self.batch_copy = function(batch)
    return { count = batch.count, partition = 0, list = batch.list }
  end
  self.source_more = function() self.more = self.more + 1 end
  self.source_feed = function(number, channels)
    self.fed[number] = channels
    return true
  end
  self.record_done = function(_, index)
    self.done[#self.done + 1] = index
    return index ~= self.taken_at
  end
  self.record_key = function(batch, index) return batch.list[index + 1].key end
  self.record_text = function(batch, index) return batch.list[index + 1].text end
  self.record_offset = function(_, index) return index end
  self.record_time = function() return 1000 end
  self.record_headers = function(batch, index) return batch.list[index + 1].headers or {} end
  self.headers_of = function(headers) return headers end
  self.source_status = function()
    return { connected = true, restarts = 0, partitions = { { partition = 0, lag = 2 } } }
  end
end

--- Gives a source records, and tells of it.
function fake.give(self, number, records, why)
  self.given[number] = self.given[number] or { first = 1 }
  table.insert(self.given[number], records)
  self:push("source", { ticket = number, reason = why })
end

return fake
