-- SPDX-License-Identifier: MIT
--- Load on channels that are copied to Kafka, and what the topic must hold then.
local cjson = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local kafka = require "spec.support.kafka"
local response = require "spec.support.response"
local server = require "spec.support.server"

local load = {}

--- A server whose channel `events` is copied to `topic`. POST /publish publishes
-- the body; /tick?n=… starts a timer that publishes n numbers each 10 ms until
-- /tock, which answers how many there were; /status is the sink's. Options:
-- `bus`, `topic` (settings, as text), `head` (more of the config), `binary`, `env`.
function load.start(address, topic, options)
  options = options or {}
  return server.start { binary = options.binary, env = options.env, config = ([[
workers(1) %s
local bus = kafka { brokers = "%s", %s }
local events = channel "events" { replay = "all", into = bus:topic("%s", { %s }) }
local free = channel "free" {}
local count, each, refused = 0, 0, 0
every("10ms", function()
  for _ = 1, each do
    local id = events:publish(tostring(count + 1))
    if id then count = count + 1 else refused = refused + 1 end
  end
end)
route "GET /events" { stream = events }
route "GET /free" { stream = free }
route "POST /free" { respond = function(request) return 202, free:publish(request.body) end }
route "POST /publish" { respond = function(request) return 202, events:publish(request.body) end }
route "POST /tick" { respond = function(request)
  each = tonumber(request.query.n)
  return 200, tostring(count)
end }
route "GET /status" { respond = function() return 200, bus:status() end }
]]):format(options.head or "", address, options.bus or "", topic, options.topic or "") }
end

--- The producer's status, and that of the topic.
function load.status(one, topic)
  local code, _, body = one:request { path = "/status" }
  assert(code == 200, body)
  local producer = cjson.decode(body).producer
  return producer, producer.topics[topic]
end

--- Sets how many events are published each 10 ms; returns how many there were.
function load.tick(one, n)
  local code, _, body = one:request { method = "POST", path = "/tick?n=" .. n }
  assert(code == 200, body)
  return tonumber(body)
end

--- Waits until nothing waits for Kafka.
function load.drained(one, topic)
  local state
  eventually(function()
    local _, of = load.status(one, topic)
    state = of
    return of.waiting == 0 or error(cjson.encode(of))
  end)
  return state
end

function load.kill_brain(one)
  local brain = eventually(function() return one:children "brain" end)
  uv.kill(brain.pid, "sigkill")
  eventually(function()
    local now = one:children "brain"
    return not now or now.pid ~= brain.pid
  end)
end

--- Reloads its config; with `change`, a function of the text, a changed one. The
-- exit code and what was said.
function load.reload(one, change)
  local run = one:reload(change and change(one:config_text()))
  return run.code, run.out .. run.err
end

--- Publishes texts "NAME 1", "NAME 2" … on one connection, each when the one
-- before was answered: `.acked[n]`, `.refused`, `.unknown`.
function load.publisher(one, name)
  local self = { count = 0, acked = {}, acks = 0, refused = 0, unknown = 0,
    connection = http.raw(one.port) }
  local rest = ""
  local function next_one()
    self.count, self.waiting = self.count + 1, true
    self.connection:send(http.format { method = "POST", path = "/publish",
      body = name .. " " .. self.count })
  end
  self.connection.on_bytes = function(bytes)
    rest = rest .. bytes
    self.connection.pieces = {}
    local whole, after = response.parse(rest, "POST", false)
    if not whole then return end
    rest, self.waiting = after, false
    if whole.status == 202 then
      self.acked[self.count], self.acks = true, self.acks + 1
    elseif whole.body == "outcome unknown\n" then
      self.unknown = self.unknown + 1
    else
      self.refused = self.refused + 1
    end
    if not self.stopped then next_one() end
  end
  next_one()
  return self
end

function load.stop(publishers)
  for _, publisher in ipairs(publishers) do publisher.stopped = true end
  eventually(function()
    for _, publisher in ipairs(publishers) do
      if publisher.waiting then return false end
    end
    return true
  end)
  for _, publisher in ipairs(publishers) do publisher.connection:close() end
end

--- Throws unless the topic holds each text once, in order for each name:
-- `acked` (name → number → true) all of them. Returns how many there are.
function load.check(address, topic, acked)
  local last, seen, faults = {}, {}, {}
  local records = kafka.read(address, topic)
  for _, record in ipairs(records) do
    local name, number = record.text:match "^(%S+) (%d+)$"
    if not name then name, number = "tick", record.text end
    number = tonumber(number)
    seen[name] = seen[name] or {}
    if seen[name][number] then faults[#faults + 1] = "doubled: " .. record.text end
    if number <= (last[name] or 0) then faults[#faults + 1] = "late: " .. record.text end
    seen[name][number], last[name] = true, number
  end
  for name, numbers in pairs(acked) do
    for number in pairs(numbers) do
      if not (seen[name] and seen[name][number]) then
        faults[#faults + 1] = ("lost: %s %d"):format(name, number)
      end
    end
  end
  if #faults > 0 then
    error(("%d faults in %d records: %s"):format(#faults, #records,
      table.concat(faults, ", ", 1, math.min(#faults, 20))), 2)
  end
  return #records
end

--- The numbers 1 to `count` of the timer, for load.check.
function load.numbers(count)
  local numbers = {}
  for number = 1, count do numbers[number] = true end
  return { tick = numbers }
end

return load
