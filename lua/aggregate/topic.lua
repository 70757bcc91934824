-- SPDX-License-Identifier: MIT
-- Feeds an aggregate with the records of a topic. Its place there is what the
-- aggregate has kept, not what the consumer or a group remembers: only so do
-- state and place always fit. It is the consumer of topic:feed().
local feed = {}
feed.__index = feed

function feed.new(aggregate, topic)
  local self = setmetatable({ aggregate = aggregate, topic = topic,
    title = tostring(aggregate), next = {},
    place = aggregate.source .. "/" .. topic.name }, feed)
  topic:feed(self)
  return self
end

-- `at`: what position() told the brain before, or nil.
function feed:start(at)
  for partition, offset in pairs(at or {}) do self.next[partition] = offset end
end

-- Where to begin: partition → offset. Partitions that are not in it are read
-- from where the topic's `start` says, by default from their oldest record.
function feed:positions()
  self.aggregate:restore()
  return self.next
end

-- A batch, of one partition.
function feed:take(view, count)
  local aggregate = self.aggregate
  aggregate:take(view, count, self.place)
  view.index = count - 1
  self.next[view.partition] = view.offset + 1
  -- Once at once: until then nothing says where it began.
  if not aggregate.save_ms then aggregate:save() end
end

function feed:lost(text) self.aggregate:lost(text) end

function feed.saved() end

-- Also of partitions from which nothing has come yet, as far as it is known
-- where they are read from.
function feed:position()
  local at = {}
  for _, source in ipairs(self.topic.sources) do
    local status = source.consumer == self and source:status()
    for _, one in ipairs(status and status.partitions or {}) do
      if one.next >= 0 then at[one.partition] = one.next end
    end
  end
  for partition, offset in pairs(self.next) do at[partition] = offset end
  return at
end

return feed
