-- SPDX-License-Identifier: MIT
--- Judges the history of a run: a pure function, which knows nothing of the
-- server and touches nothing. README.md has the laws in words.
--
-- A history: `began`, its time 0; `publishes`, a list of
--   { publisher, channel, first, last, asked_at, answered_at, ids }
--   numbers first to last on one channel in one request; `ids` only if the
--   answer was 202;
-- `counted`, if there is an aggregate: a function of what is known (truth.lua)
-- that returns a list of what is wrong with it;
-- `reloads` and `deaths`, if there were any: lists of what went wrong with them;
-- and `clients`, a list of
--   { name, channels = { a = true }, position = id or nil, log, apart }
--   (a = "member" for one of a family)
--   where it stood at the beginning, and in its order what it met:
--   { what = "connect", at, id }    it asks for the stream, after this id
--   { what = "open", at }           a stream begins
--   { what = "event", id, text }    { what = "position", id }
--   { what = "gap", id, data }      data: decoded, with from, to and reason
--   { what = "later" }              it was asked to come again
--   { what = "close", at, cause }   no stream any more; no cause: the server's
--   { what = "refused", text }      what no EventSource survives
--   With `conflates` it gets but the latest of each key when it is slow.
--   With `apart` it keeps its connections to itself: only its events count.
local truth = require "spec.faults.truth"

local checker = {}

local KEPT_MAX = 40 -- violations in words; all are counted

-- --- one client -----------------------------------------------------------------

local walk = {}
local walk_metatable = { __index = walk }

-- How many of the places are not above `place`.
local function count_up_to(places, place)
  local low, high = 0, #places
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if places[middle] <= place then low = middle else high = middle - 1 end
  end
  return low
end

function walk:is_told(place)
  for _, gap in ipairs(self.gaps) do
    if place > gap.from and place <= gap.to then return true end
  end
  return false
end

-- What lies between its position and `place`, both excluded, was not sent.
function walk:pass_over(place, when)
  local at = self.position and count_up_to(self.places, self.position) or 0
  while true do
    at = at + 1
    local lost = self.places[at]
    if not lost or lost >= place then return end
    local event = self.truth.events[lost]
    -- Who came without an id is owed what was asked for after its stream began.
    local owed = self.position or event.publish.asked_at > self.since
    if self.conflates and owed then
      self.left_out[#self.left_out + 1] = lost
    elseif owed and not self:is_told(lost) then
      self.complain("loss", self.name, "%s at %d, %s", event.name, lost, when)
    end
  end
end

function walk:take_event(entry)
  local place = self.truth.places[entry.id]
  local event = place and self.truth.events[place]
  if not event then return end -- complained about already
  self.deliveries = self.deliveries + 1
  if not self.channels[event.channel] then
    self.complain("stray", self.name, "%s, of a channel that it has not", event.name)
  elseif self.seen[place] then
    self.complain("duplicate", self.name, "%s at %d again, after %d", event.name, place,
      self.position)
  elseif self.position and place <= self.position then
    self.complain("reorder", self.name, "%s at %d after %d", event.name, place, self.position)
  else
    if self.told[place] then
      self.complain("gap", self.name, "%s, which a gap said was lost", event.name)
    end
    if not self.position and not self.apart and event.publish.answered_at
      and event.publish.answered_at < self.asked_at then
      self.complain("resume", self.name, "%s, which was there before it came", event.name)
    end
    self:pass_over(place, "before " .. place)
    self.position = place
    self.seen[place] = true
  end
end

-- A position without an event.
function walk:take_position(entry)
  local place = self.truth:place_of(entry.id, self.name)
  if not place then return end
  if self.position and place < self.position then
    self.complain("reorder", self.name, "a position at %d after %d", place, self.position)
    return
  end
  self:pass_over(place + 1, "before the position " .. place)
  self.position = place
end

function walk:take_gap(entry)
  local data, here = entry.data, self.truth:place_of(entry.id, self.name)
  local from = self.truth:place_of(data.from, self.name)
  local to = self.truth:place_of(data.to, self.name)
  local reason = data.reason
  if not here or not from or not to then return end
  self.gap_count = self.gap_count + 1
  if reason ~= "expired" and reason ~= "lagged" then
    self.complain("gap", self.name, "the reason %s, for an id of this journal", tostring(reason))
  end
  -- From where it stands: to the event for one that has just come back.
  if self.fresh and reason == "expired" and from ~= self.position then
    self.complain("gap", self.name, "from %d, but it stands at %s", from,
      tostring(self.position))
  elseif self.position and from < self.position then
    self.complain("gap", self.name, "from %d, before its position %d", from, self.position)
  end
  self:pass_over(from + 1, "before the gap from " .. from)
  if to <= from or here < from then
    self.complain("gap", self.name, "from %d to %d, at %d", from, to, here)
    return
  end
  local last = self.truth.events[to]
  if self.seen[to] or (last and not self.has_member and not self.channels[last.channel]) then
    self.complain("gap", self.name, "to %d, which it has not lost", to)
  end
  self.told[to] = true
  self.gaps[#self.gaps + 1] = { from = from, to = to }
  self.all_gaps[#self.all_gaps + 1] = self.gaps[#self.gaps]
  self.position = from
  self:pass_over(here + 1, "before the position of the gap at " .. here)
  self.position = here
end

function walk:take_connect(entry)
  local place = entry.id and self.truth:place_of(entry.id, self.name)
  if place ~= self.position then
    self.complain("client", self.name, "asks to go on at %s, but stands at %s",
      tostring(place), tostring(self.position))
  end
  self.position = place
  self.asked_at, self.since = entry.at, math.huge
  self.gaps = {}
end

-- Who conflates may be left without an event if it gets, or is told of, a later
-- one of the same key. A publisher's events have one.
function walk:check_left_out()
  local newest = {}
  self.gaps = self.all_gaps
  for _, place in ipairs(self.places) do
    local key = self.truth.events[place].publish.publisher
    if self.seen[place] or self:is_told(place) then newest[key] = place end
  end
  for _, place in ipairs(self.left_out) do
    local event = self.truth.events[place]
    if (newest[event.publish.publisher] or 0) < place then
      self.complain("loss", self.name, "%s at %d, and no later one of its key", event.name, place)
    end
  end
end

function walk:take(entry)
  local what = entry.what
  if what == "event" then
    self:take_event(entry)
  elseif what == "position" then
    self:take_position(entry)
  elseif what == "gap" then
    self:take_gap(entry)
  elseif what == "connect" then
    self:take_connect(entry)
  elseif what == "open" then
    self.since, self.opens = entry.at, self.opens + 1
  elseif what == "refused" then
    self.complain("refusal", self.name, "%s", entry.text)
  elseif what == "close" and not entry.cause then
    self.complain("close", self.name, "its stream ended without a cause, at %s, %.2f s in, "
      .. "when it was %.2f s old", tostring(self.position), (entry.at - self.began) / 1e9,
      (entry.at - self.since) / 1e9)
  end
  self.fresh = what == "open"
end

-- A member that was gone may have lost all up to what others have lost.
local function has_member(channels)
  for _, kind in pairs(channels) do
    if kind == "member" then return true end
  end
  return false
end

local function check_client(client, known, began, complain)
  local self = setmetatable({
    name = client.name,
    channels = client.channels,
    has_member = has_member(client.channels),
    apart = client.apart,
    truth = known,
    complain = complain,
    places = known:places_in(client.channels),
    position = client.position and known:place_of(client.position, client.name),
    since = math.huge,
    began = began,
    seen = {},  -- place → true: delivered to it
    told = {},  -- place → true: a gap ended there
    gaps = {},  -- of this stream
    all_gaps = {},
    conflates = client.conflates,
    left_out = {},
    deliveries = 0,
    gap_count = 0,
    opens = 0,
  }, walk_metatable)
  for _, entry in ipairs(client.log) do self:take(entry) end
  self:pass_over(math.huge, "which never came")
  self:check_left_out()
  return self
end

-- --- all of them ------------------------------------------------------------------

local function count_publishes(report, history, known)
  for _, publish in ipairs(history.publishes) do
    local count = publish.last - publish.first + 1
    if publish.ids then
      report.answered = report.answered + count
    else
      report.unanswered = report.unanswered + count
    end
  end
  for _ in pairs(known.events) do report.events = report.events + 1 end
end

--- Returns a report: `violations`, a list of { law, who, text } (the first
-- ones), `broken`, law → how many; and what there was: `answered` and
-- `unanswered` (events asked for), `events` (known to exist), `deliveries`,
-- `gaps`, `opens`.
function checker.check(history)
  local report = {
    violations = {}, broken = {}, answered = 0, unanswered = 0, events = 0, deliveries = 0,
    gaps = 0, opens = 0,
  }
  local function complain(law, who, format, ...)
    report.broken[law] = (report.broken[law] or 0) + 1
    if #report.violations >= KEPT_MAX then return end
    local text = format:format(...)
    report.violations[#report.violations + 1] = { law = law, who = who, text = text }
  end
  for _, publish in ipairs(history.publishes) do
    if publish.wrong then complain("answer", publish.publisher, "%s", publish.wrong) end
  end
  local known = truth.find(history, complain)
  for _, client in ipairs(history.clients) do
    local walked = check_client(client, known, history.began or 0, complain)
    report.deliveries = report.deliveries + walked.deliveries
    report.gaps = report.gaps + walked.gap_count
    report.opens = report.opens + walked.opens
  end
  count_publishes(report, history, known)
  for _, text in ipairs(history.reloads or {}) do complain("reload", "a reload", "%s", text) end
  for _, text in ipairs(history.deaths or {}) do complain("death", "a process", "%s", text) end
  for _, text in ipairs(history.counted and history.counted(known) or {}) do
    complain("count", "the aggregate", "%s", text)
  end
  return report
end

--- A report's violations as text, "" when there is none.
function checker.text(report)
  local lines, count = {}, 0
  for _, broken in pairs(report.broken) do count = count + broken end
  for _, one in ipairs(report.violations) do
    lines[#lines + 1] = ("%s: %s: %s"):format(one.law, one.who, one.text)
  end
  if count > #lines then lines[#lines + 1] = ("and %d more"):format(count - #lines) end
  return table.concat(lines, "\n")
end

return checker
