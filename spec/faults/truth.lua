-- SPDX-License-Identifier: MIT
--- What was published, as far as anybody can know: what publishers were
-- answered and what any client saw, put together, and what is wrong with that.
local payload = require "spec.faults.server.payload"

local truth = {}

--- An id's epoch and its place in the order of all events; nil if it is no id.
function truth.place(id)
  local epoch = type(id) == "string"
    and id:match "^(%x%x%x%x%x%x%x%x%-%x%x%x%x)%-8%x%x%x%-[89ab]%x%x%x%-%x+$"
  if not epoch or #id ~= 36 then return nil end
  return epoch, tonumber(id:sub(25), 16)
end

local function key(publisher, channel, n)
  return publisher .. " " .. channel .. " " .. n
end

local methods = {}
local metatable = { __index = methods }

-- The place of an id of this history, or nil, which is complained about.
function methods:place_of(id, who)
  local place = self.places[id or false]
  if place then return place end
  local epoch, found = truth.place(id)
  if not epoch then
    self.complain("id", who, "what is no id: %s", tostring(id))
  elseif self.epoch and epoch ~= self.epoch then
    self.complain("id", who, "an id of another journal: %s", id)
  else
    self.epoch = epoch
    self.places[id] = found
    return found
  end
end

-- Somebody says that event `n` is at `place`.
function methods:learn(who, place, publisher, channel, n)
  local name = key(publisher, channel, n)
  local publish = self.asked[name]
  local event = self.events[place]
  if not publish then
    self.complain("phantom", who, "%s, which nobody published, at %d", name, place)
  elseif event and event.name ~= name then
    self.complain("id", who, "%s at %d, where %s is", name, place, event.name)
  elseif self.place[name] and self.place[name] ~= place then
    self.complain("twice", who, "%s at %d and at %d", name, self.place[name], place)
  elseif not event then
    event = { place = place, name = name, channel = channel, publish = publish }
    self.events[place], self.place[name] = event, place
  end
  return event
end

local function learn_answers(self, publishes)
  for _, publish in ipairs(publishes) do
    for n = publish.first, publish.last do
      self.asked[key(publish.publisher, publish.channel, n)] = publish
    end
  end
  for _, publish in ipairs(publishes) do
    local count = publish.last - publish.first + 1
    if publish.ids and #publish.ids ~= count then
      self.complain("answer", publish.publisher, "%d ids for %d events", #publish.ids, count)
    end
    for i, id in ipairs(publish.ids or {}) do
      local place = self:place_of(id, publish.publisher)
      if place then
        self:learn(publish.publisher, place, publish.publisher, publish.channel,
          publish.first + i - 1)
      end
    end
  end
end

local function learn_event(self, client, entry, read)
  local place = self:place_of(entry.id, client.name)
  local event = read[entry.text]
  if not event then
    local channel, publisher, n = payload.read(entry.text)
    if not channel then
      self.complain("mangled", client.name, "%q", entry.text:sub(1, 100))
      return
    end
    event = { channel = channel, publisher = publisher, n = n }
    read[entry.text] = event
  end
  if place then self:learn(client.name, place, event.publisher, event.channel, event.n) end
end

local function learn_events(self, clients)
  local read = {} -- text → what it is: many have got the same
  for _, client in ipairs(clients) do
    for _, entry in ipairs(client.log) do
      if entry.what == "event" then learn_event(self, client, entry, read) end
    end
  end
end

-- What was answered before something else was asked comes before it; and of
-- one request the events are in order.
local function check_order(self, publishes)
  local by_answer, by_asking = {}, {}
  for _, publish in ipairs(publishes) do
    local before, lowest
    for n = publish.first, publish.last do
      local place = self.place[key(publish.publisher, publish.channel, n)]
      if place and before and place < before then
        self.complain("order", publish.publisher, "its event %d before %d", n, n - 1)
      elseif place and not before and n > publish.first and self.events[place - 1] then
        self.complain("order", publish.publisher, "its event %d without %d", n, n - 1)
      end
      before = place or before
      lowest = lowest or place
    end
    publish.lowest, publish.highest = lowest, before
    if lowest then by_asking[#by_asking + 1] = publish end
    if publish.ids then by_answer[#by_answer + 1] = publish end
  end
  table.sort(by_answer, function(one, other) return one.answered_at < other.answered_at end)
  table.sort(by_asking, function(one, other) return one.asked_at < other.asked_at end)
  local at, newest = 1, nil
  for _, publish in ipairs(by_asking) do
    while by_answer[at] and by_answer[at].answered_at < publish.asked_at do
      local answered = by_answer[at]
      if answered.highest and (not newest or answered.highest > newest.highest) then
        newest = answered
      end
      at = at + 1
    end
    if newest and publish.lowest < newest.highest then
      self.complain("order", publish.publisher, "%d on %s is at %d, before %d of %s, which was "
        .. "answered before it was asked for", publish.first, publish.channel, publish.lowest,
        newest.highest, newest.publisher)
    end
  end
end

--- Whether event `n` of a publish is known to be there.
function methods:has(publish, n)
  return self.place[key(publish.publisher, publish.channel, n)] ~= nil
end

--- The places of the events of these channels (a set), in order.
function methods:places_in(channels)
  local names = {}
  for name in pairs(channels) do names[#names + 1] = name end
  table.sort(names)
  local id = table.concat(names, " ")
  local list = self.lists[id]
  if list then return list end
  list = {}
  for place, event in pairs(self.events) do
    if channels[event.channel] then list[#list + 1] = place end
  end
  table.sort(list)
  self.lists[id] = list
  return list
end

--- Puts a history together. `complain(law, who, format, …)` is told what is
-- wrong already.
function truth.find(history, complain)
  local self = setmetatable({
    complain = complain,
    places = {}, -- id → place
    asked = {},  -- "publisher channel n" → publish
    place = {},  -- "publisher channel n" → place
    events = {}, -- place → { place, name, channel, publish }
    lists = {},
  }, metatable)
  learn_answers(self, history.publishes)
  learn_events(self, history.clients)
  check_order(self, history.publishes)
  return self
end

return truth
