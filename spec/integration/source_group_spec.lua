-- SPDX-License-Identifier: MIT
--- A source that is a member of a group, whose channel takes nothing for longer
-- than a member may be silent, as the topic that the channel is copied to is out
-- of reach: it stays a member, shares with one that comes, and goes on.
local count = require "spec.support.count"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local SILENT_MS = 6000 -- the least that a broker allows

local CONFIG = [[
workers(1)
local from = kafka {
  brokers = "$FROM",
  settings = { ["session.timeout.ms"] = $SILENT, ["max.poll.interval.ms"] = $SILENT },
}
local to = kafka { name = "to", brokers = "$TO", outbox = "1M" }
local live = channel "live" {
  replay = "all", from = from:topic("$TOPIC", { start = "oldest", group = "$TOPIC" }),
  into = to:topic "copied",
}
route "GET /live" { stream = live, since = "all" }
]]

local RECORDS = 300 -- of 10 KB: more than the outbox holds

local broker, why = kafka.shared()
local away = broker and kafka.own "away"
if not away then
  describe("a member of a group", function() pending(why) end)
  return
end

local function lines(first, last)
  return count(first, last, function(n) return ("%d %s"):format(n, ("x"):rep(10000)) end)
end

-- What a stream has got of a partition, whose records begin with `first`.
local function got(stream, first, last)
  local list = {}
  for _, event in ipairs(stream:events()) do
    local n = tonumber(event.data:match "^%d+")
    if n >= first and n <= last then list[#list + 1] = n end
  end
  return list
end

describe("a member of a group", function()
  after_each(server.stop_all)
  teardown(kafka.remove_all)

  it("stays one while its channel takes nothing", function()
    local topic = broker:topic(2)
    away:stop()
    local one = server.start((CONFIG:gsub("%$(%u+)", { FROM = broker.address, TO = away.address,
      TOPIC = topic, SILENT = SILENT_MS })))
    local stream = sse.open { port = one.port, path = "/live" }
    kafka.produce(broker.address, topic, lines(1, RECORDS), { partition = 0 })
    kafka.produce(broker.address, topic, lines(RECORDS + 1, 2 * RECORDS), { partition = 1 })
    eventually(function() return #stream:events() > 50 end)
    local had
    eventually.stays(function()
      had = #stream:events()
      return had < 2 * RECORDS
    end, 2 * SILENT_MS / 1000)
    -- Another comes, and gets one partition and not both.
    local other = process.start("kcat", { "-b", broker.address, "-G", topic, "-X",
      "session.timeout.ms=" .. SILENT_MS, "-X", "partition.assignment.strategy=range",
      "-X", "auto.offset.reset=earliest", "-f", "%p\n", topic })
    local assigned
    eventually(function()
      assigned = other.err:match "assigned: ([^\n]*)"
      return assigned or error(other.err .. one:log())
    end)
    local mine = assigned:find("[0]", 1, true) and 1 or 0
    assert.truthy(assigned:find(("[%d]"):format(1 - mine), 1, true), assigned)
    assert.is_nil(assigned:find(("[%d]"):format(mine), 1, true), assigned)
    assert.equal(had, #stream:events())
    assert.is_nil(one:log():find("max.poll.interval.ms", 1, true), one:log())
    -- What is left comes when there is room, each record once and in order.
    assert(away:start())
    local first, last = mine * RECORDS + 1, (mine + 1) * RECORDS
    eventually(function()
      return #got(stream, first, last) >= RECORDS
        or error(("has %d of %d\n%s"):format(#got(stream, first, last), RECORDS, one:log()))
    end)
    assert.same(count(first, last), got(stream, first, last))
    other:kill()
    other:wait()
    stream:close()
  end)
end)
