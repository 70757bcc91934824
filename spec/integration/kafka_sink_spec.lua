-- SPDX-License-Identifier: MIT
--- Channels that are copied to Kafka, and records that scripts publish: on a
-- real broker, and on the embedded one.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local server = require "spec.support.server"

local config = [[
workers(1)
local bus = kafka { brokers = "%s", settings = { ["linger.ms"] = 1 } }
local topic = bus:topic("%s", { partitions = 3 })
local plain = bus:topic("%s", { key = "user" })
local events = channel "events" { key = "user", into = topic }
local rooms = channel "rooms/:id" { into = topic }
route "GET /events" { stream = events }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "POST /events" { respond = function(request)
  return 202, events:publish(request.body, { event = request.query.event })
end }
route "POST /rooms/:id" { respond = function(request)
  return 202, rooms(request.params.id):publish(request.body)
end }
route "POST /plain" { respond = function(request)
  local partition, offset = plain:publish(request:json(), { headers = { source = "web" } })
  return partition and 200 or 503, { partition = partition, offset = offset }
end }
route "GET /status" { respond = function() return 200, bus:status() end }
]]

local one

local function post(path, body)
  local status, _, text = one:request { method = "POST", path = path, body = body }
  assert.equal(202, status, text)
  return text
end

local function read(address, topic, count)
  local records
  eventually(function()
    records = kafka.read(address, topic)
    return #records >= count
  end)
  local by_text = {}
  for _, record in ipairs(records) do by_text[record.text] = record end
  return by_text, records
end

-- The same on both; `find_address` gives that of the broker.
local function behaves(brokers, find_address)
  local topic, plain

  before_each(function()
    topic, plain = kafka.topic_name(), kafka.topic_name()
    one = server.start(config:format(brokers, topic, plain))
  end)
  after_each(server.stop_all)

  it("gets each event with its key, id, name and time", function()
    local id = post("/events?event=trade", '{"user":"ann","n":1}')
    post("/events", "two\nlines")
    post("/rooms/7", "in a room")
    local records = read(find_address(), topic, 3)
    local first = records['{"user":"ann","n":1}']
    assert.same({ "ann", id, "trade" }, { first.key, first.headers.id, first.headers.event })
    assert.is_true(math.abs(first.time / 1000 - os.time()) < 60)
    assert.equal("events", records["two\nlines"].key)
    assert.is_nil(records["two\nlines"].headers.event)
    assert.equal("rooms/7", records["in a room"].key)
  end)

  it("gets what scripts publish, who are told where it is", function()
    local body
    for i = 0, 1 do
      local status, _, text = one:request { method = "POST", path = "/plain",
        body = '{"user":"bob"}' }
      assert.equal(200, status)
      body = cjson.decode(text)
      assert.equal(i, body.offset)
    end
    local _, records = read(find_address(), plain, 2)
    assert.same({ "bob", "web", body.partition },
      { records[2].key, records[2].headers.source, records[2].partition })
  end)

  it("gets what members of families had published before their brain died", function()
    post("/rooms/8", "before")
    local brain = one:children "brain"
    require("luv").kill(brain.pid, "sigkill")
    eventually(function() return one:log():find "in charge again" end)
    local records = read(find_address(), topic, 1)
    assert.equal("rooms/8", records.before.key)
  end)

  it("gets all of it before the server stops", function()
    for i = 1, 50 do post("/events", "event " .. i) end
    one:kill "sigterm"
    one:wait_end()
    assert.is_nil(one:log():find("not sent", 1, true))
  end)
end

describe("a real broker", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end
  behaves(broker.address, function() return broker.address end)

  it("has topics with as many partitions as the config says", function()
    local name, other = kafka.topic_name(), kafka.topic_name()
    local two = server.start(config:format(broker.address, name, other))
    eventually(function() return two:log():find "with 3 partitions" end)
    assert.equal(3, kafka.partition_count(broker.address, name))
  end)
end)

describe("the embedded broker", function()
  behaves("embedded", function()
    return one:log():match "kcat %-b (%S+)"
  end)
end)
