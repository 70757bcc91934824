-- SPDX-License-Identifier: MIT
--- Streams of the real binary: where they begin, and what they are told is lost.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"
local streams = require "spec.integration.streams"

local publish = streams.publish
local burst = streams.burst
local open = streams.open
local datas = streams.datas
local gap_of = streams.gap_of
local one

describe("a stream", function()
  before_each(function() one = streams.start() end)
  after_each(server.stop_all)

  describe("begins", function()
    it("with its head and first bytes at once", function()
      local client = open "/events"
      assert.equal(200, client.head.status)
      assert.equal("text/event-stream;charset=utf-8", client.head.headers["content-type"])
      assert.equal("no-cache, no-transform", client.head.headers["cache-control"])
      assert.equal("keep-alive", client.head.headers["connection"])
      assert.equal("no", client.head.headers["x-accel-buffering"])
      eventually(function() return client.body:find("retry: 2000\n:\n", 1, true) == 1 end)
      assert.same({}, client:events())
      client:close()
    end)

    it("now, unless the route or the query says otherwise", function()
      publish("events", "a") publish("events", "b") publish("events", "c")
      local now, last, all = open "/events", open "/last", open "/all"
      local asked = open "/events?since=1"
      local minute = open "/events?since=1m"
      publish("events", "d")
      assert.same({ "d" }, datas(now:wait(1)))
      assert.same({ "b", "c", "d" }, datas(last:wait(3)))
      assert.same({ "a", "b", "c", "d" }, datas(all:wait(4)))
      assert.same({ "c", "d" }, datas(asked:wait(2)))
      assert.same({ "a", "b", "c", "d" }, datas(minute:wait(4)))
    end)

    it("within what the channel replays", function()
      for i = 1, 5 do publish("few", i) end
      local client = open "/few"
      assert.same({ "3", "4", "5" }, datas(client:wait(3)))
    end)

    it("with the latest of each key, each once", function()
      publish("state", { k = "a", v = 1 })
      publish("state", { k = "b", v = 2 })
      publish("state", { k = "a", v = 3 })
      publish("events", "old")
      local client, with_events = open "/state", open "/state-and-events"
      local replayed = open "/state?since=all"
      publish("state", { k = "b", v = 4 })
      local function values(events)
        local list = {}
        for i, event in ipairs(events) do list[i] = cjson.decode(event.data).v end
        return list
      end
      assert.same({ 2, 3, 4 }, values(client:wait(3)))
      assert.same({ 2, 3, 4 }, values(with_events:wait(3)))
      assert.same({ 1, 2, 3, 4 }, values(replayed:wait(4)))
    end)

    it("without chunks for HTTP/1.0, and ends by close", function()
      publish("events", "a")
      local client = open("/all", { version = "1.0" })
      publish("events", "b")
      assert.same({ "a", "b" }, datas(client:wait(2)))
      assert.is_nil(client.head.headers["transfer-encoding"])
      assert.equal("close", client.head.headers["connection"])
    end)

    it("with a head alone for HEAD, and the connection goes on", function()
      local connection = http.raw(one.port)
      connection:send "HEAD /events HTTP/1.1\r\nHost: spec\r\n\r\n"
      local head = connection:response "HEAD"
      assert.equal(200, head.status)
      assert.equal("text/event-stream;charset=utf-8", head.headers["content-type"])
      connection:send "HEAD /events HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.equal(200, connection:response("HEAD").status)
      connection:close()
    end)
  end)

  describe("resumes", function()
    local first
    before_each(function()
      first = publish("events", "a")
      publish("events", "b")
    end)

    it("by header", function()
      local client = open("/events", { last_event_id = first })
      assert.same({ "b" }, datas(client:wait(1)))
    end)

    it("by query, in both spellings", function()
      for _, name in ipairs { "last_event_id", "lastEventId" } do
        local client = open("/events?" .. name .. "=" .. first)
        assert.same({ "b" }, datas(client:wait(1)))
      end
    end)

    it("by header rather than by query", function()
      local third = publish("events", "c")
      local client = open("/events?last_event_id=" .. first, { last_event_id = third })
      publish("events", "d")
      assert.same({ "d" }, datas(client:wait(1)))
    end)

    it("not by an empty id", function()
      local client = open("/events", { last_event_id = "" })
      publish("events", "c")
      assert.same({ "c" }, datas(client:wait(1)))
    end)

    it("all its channels by one id, in order", function()
      publish("few", "f1")
      publish("events", "c")
      publish("few", "f2")
      local client = open("/both", { last_event_id = first })
      publish("events", "d")
      assert.same({ "b", "f1", "c", "f2", "d" }, datas(client:wait(5)))
    end)
  end)

  describe("is told of a gap", function()
    it("when its id is older than what may be replayed", function()
      local ids = {}
      for i = 1, 6 do ids[i] = publish("few", i) end
      local client = open("/few", { last_event_id = ids[1] })
      local events = client:wait(4)
      assert.same({ from = ids[1], to = ids[3], reason = "expired" }, gap_of(events[1]))
      assert.same({ "4", "5", "6" }, { events[2].data, events[3].data, events[4].data })
      local again = open("/few", { last_event_id = events[1].id })
      assert.same({ "4", "5", "6" }, datas(again:wait(3)))
    end)

    it("when the ring has overwritten it, but not for a quiet channel", function()
      local id = publish("few", "quiet")
      burst("events", 1500, 1000)
      local quiet = open("/few", { last_event_id = id })
      local busy = open("/events", { last_event_id = id })
      publish("few", "next")
      assert.same({ "next" }, datas(quiet:wait(1)))
      local gap = gap_of(busy:wait(2)[1])
      assert.equal("expired", gap.reason)
      assert.equal(id, gap.from)
    end)

    it("when its id is of another journal", function()
      publish("events", "a")
      local client = open("/events", {
        last_event_id = "00000000-0001-8000-8000-000000000007",
      })
      local events = client:wait(2)
      local gap = gap_of(events[1])
      assert.equal("restarted", gap.reason)
      assert.equal(cjson.null, gap.from)
      assert.equal("a", events[2].data)
    end)

    it("when its id is not one of ours, which is not echoed", function()
      publish("events", "a")
      local client = open("/events", { last_event_id = "forged-id" })
      publish("events", "b")
      local events = client:wait(2)
      local gap = gap_of(events[1])
      assert.equal("unknown", gap.reason)
      assert.equal(cjson.null, gap.from)
      assert.equal("b", events[2].data)
      assert.is_nil(client.raw:find("forged", 1, true))
    end)
  end)
end)
