-- SPDX-License-Identifier: MIT
--- Streams under load: nothing is lost, doubled or out of order at any seam, and
-- who cannot keep up is told so or closed.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local streams = require "spec.integration.streams"

local publish = streams.publish
local burst = streams.burst
local open = streams.open
local datas = streams.datas
local gap_of = streams.gap_of
local assert_unbroken = streams.assert_unbroken
local seq_of = streams.seq_of
local assert_steps = streams.assert_steps
local gap_at = streams.gap_at
local one

describe("a stream", function()
  before_each(function() one = streams.start() end)
  after_each(server.stop_all)

  describe("loses, doubles and disorders nothing", function()
    it("when it begins and resumes while much is published", function()
      burst("events", 10, 100)
      local clients = {}
      for round = 1, 12 do
        for _ = 1, 6 do clients[#clients + 1] = open "/all" end
        burst("events", 40, 100)
        local past = clients[#clients]:wait(1)
        clients[#clients + 1] = open("/events", { last_event_id = past[1].id })
        clients[#clients].first = 2
        eventually.turn(round % 3)
      end
      local total = burst("events", 1, 100).n
      for _, client in ipairs(clients) do
        local first = client.first or 1
        local events = client:wait(total - first + 1)
        assert.equal(total - first + 1, #events)
        assert_unbroken(events, first)
      end
    end)

    it("when it does not read for a while", function()
      local slow, quick = open "/events", open "/events"
      local both = open("/both", { version = "1.0" })
      slow.connection:pause()
      both.connection:pause()
      local total
      for _ = 1, 20 do total = burst("events", 50, 200).n end
      assert_unbroken(quick:wait(total), 1)
      slow.connection:resume()
      both.connection:resume()
      total = burst("events", 5, 200).n
      assert_unbroken(slow:wait(total), 1)
      assert_unbroken(both:wait(total), 1)
    end)

    it("when heartbeats come between", function()
      local client = open "/events"
      burst("events", 3, 10)
      eventually(function() return #client.comments >= 4 end)
      burst("events", 3, 10)
      assert_unbroken(client:wait(6), 1)
    end)
  end)

  describe("overtaken by the ring", function()
    local function assert_goes_on_after_gap(client, name)
      eventually(function() return gap_at(client:events()) end)
      publish(name, "after")
      local events = client:events()
      eventually(function() return events[#events].data == "after" end)
      local at = gap_at(events)
      local gap = gap_of(events[at])
      assert.equal("lagged", gap.reason)
      assert_steps(events, at)
      if at > 1 then assert.equal(events[at - 1].id, gap.from) end
      -- What was lost ends where the next event begins.
      assert.equal(seq_of(gap.to) + 1, seq_of(events[at + 1].id))
    end

    it("is told what it lost and goes on", function()
      one:stop()
      one = streams.start(function(config) return (config:gsub('"256k"', '"1G"')) end)
      local slow = open "/events"
      slow.connection:pause()
      for _ = 1, 12 do burst("events", 500, 2000) end
      slow.connection:resume()
      assert_goes_on_after_gap(slow, "events")
    end)

    it("is told so too when it is the worker that was held up", function()
      local busy, quiet, both = open "/events", open "/few", open "/both"
      publish("events", "before")
      busy:wait(1)
      both:wait(1)
      local worker = one:children("worker 0").pid
      assert.equal(202, (one:request { method = "POST", path = "/storm" }))
      uv.kill(worker, "sigstop")
      eventually(function() return one:log():find "the storm is over" end)
      uv.kill(worker, "sigcont")
      assert_goes_on_after_gap(busy, "events")
      assert_goes_on_after_gap(both, "events")
      publish("few", "quiet")
      assert.same({ "quiet" }, datas(quiet:wait(1)))
    end)
  end)

  it("that does not read is closed, and the others go on", function()
    local slow, quick = open "/events", open "/events"
    slow.connection:pause()
    local total = 0
    eventually(function()
      total = burst("events", 100, 2000).n
      quick:wait(total)
      return one:log():find "ended lagged"
    end)
    slow.connection:resume()
    slow:closed()
    local got = #slow:events()
    assert.is_true(got < total)
    assert_unbroken(slow:events(), 1)
    assert_unbroken(quick:wait(total), 1)
    -- Its browser comes back with the last id: told what is lost, if anything.
    burst("events", 500, 2000)
    local again = open("/events", { last_event_id = slow:last_id() })
    assert.equal("gap", again:wait(1)[1].event)
  end)

  it("that gets nothing for too long is closed, live or in its replay", function()
    one:stop()
    one = streams.start(function(config)
      return (config:gsub('"1M"', '"32M"')
        :gsub('client_lag = "256k"', 'client_lag = "1G", client_lag_time = "1s"'))
    end)
    local live, quick = open "/events", open "/events"
    live.connection:pause()
    local total
    for _ = 1, 12 do total = burst("events", 500, 3000).n end
    quick:wait(total)
    local connection = http.raw(one.port)
    connection:pause()
    connection:send "GET /all HTTP/1.1\r\nHost: spec\r\n\r\n"
    eventually(function()
      local _, ended = one:log():gsub("ended lagged", "")
      return ended == 2
    end)
    publish("events", "after")
    assert.equal("after", quick:wait(total + 1)[total + 1].data)
  end)

  it("whose end the brain is told of, with its bytes and last id", function()
    local client = open "/events"
    local id = publish("events", "a")
    client:wait(1)
    client:close()
    local bytes, last_id
    eventually(function()
      bytes, last_id = one:log():match "ended closed (%d+) (%S+)"
      return bytes
    end)
    assert.equal(id, last_id)
    -- Heartbeats may have come since.
    assert.is_true(tonumber(bytes) >= #client.raw)
    assert.truthy(one:log():find "begun ")
  end)
end)
