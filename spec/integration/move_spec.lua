-- SPDX-License-Identifier: MIT
--- The number of workers changes while clients are there: their connections
-- move to another process, and they notice nothing.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local moving = require "spec.integration.moving"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local one

describe("with fewer workers", function()
  after_each(server.stop_all)

  it("and with more again, streams lose nothing and get nothing twice", function()
    one = moving.start()
    local streams = moving.open_streams(60)
    moving.publish()
    for _, count in ipairs { 1, 3, 2, 1, 2 } do
      moving.resize(count)
      moving.settle(count)
    end
    moving.assert_whole(streams, 1)
    local counters = moving.health()
    assert.equal(60, counters.streams)
    assert.is_true(counters.moved >= 20)
    assert.equal(0, counters.closed_by_client + counters.closed_error + counters.closed_stop)
    assert.is_nil(one:log():find "error")
  end)

  it("a stream of several channels follows them all as before", function()
    one = moving.start()
    local both, room = moving.open_streams(12, "/both"), moving.open_streams(12, "/rooms/a")
    moving.publish()
    moving.resize(1)
    moving.settle(1)
    moving.assert_whole(both, 1)
    for _, stream in ipairs(room) do
      assert.is_nil(stream.connection.ended)
      assert.equal(0, #stream:events())
    end
  end)

  it("a stream is kept as its route says, for the client behind its proxy", function()
    one = moving.start { TOLD = "yes" }
    local streams = {}
    for i = 1, 12 do
      streams[i] = sse.open { port = one.port, path = "/beats",
        headers = { ["X-Forwarded-For"] = "203.0.113." .. i } }
    end
    moving.resize(1)
    moving.settle(1)
    for _, stream in ipairs(streams) do
      local before = #stream:events()
      eventually(function()
        local last = stream:events()[#stream:events()]
        return #stream:events() > before and last.event == "beat" and last.data == "dum"
      end)
      stream:close()
    end
    for i = 1, 12 do
      eventually(function() return moving.logged("hook: from 203%.0%.113%." .. i .. "%.") == 1 end)
    end
  end)

  it("hooks are told nothing of it, and all of what comes after", function()
    one = moving.start { TOLD = "yes" }
    local streams = moving.open_streams(30)
    eventually(function() return moving.logged "hook: come" == 30 end)
    moving.resize(1)
    moving.settle(1)
    assert.equal(0, moving.logged "hook: gone")
    assert.equal(0, moving.logged "hook: vacant")
    local _, _, body = one:request { path = "/count" }
    assert.equal(30, cjson.decode(body).events)
    for _, stream in ipairs(streams) do stream:close() end
    eventually(function() return moving.logged "hook: gone %d+ closed%." == 30 end)
    eventually(function() return moving.logged "hook: vacant events%." == 1 end)
  end)

  it("connections between requests go on, and requests under way are answered", function()
    one = moving.start()
    local idle, silent, busy = {}, {}, {}
    for i = 1, 15 do
      idle[i], silent[i], busy[i] = http.raw(one.port), http.raw(one.port), http.raw(one.port)
      idle[i]:send(http.format { path = "/hello" })
      assert.equal("hello", idle[i]:response().body)
    end
    moving.resize(1)
    for i = 1, 15 do busy[i]:send(http.format { path = "/sleeps" }) end
    moving.settle(1)
    for i = 1, 15 do
      assert.equal("slept", busy[i]:response().body)
      for _, list in ipairs { idle, silent, busy } do
        list[i]:send(http.format { path = "/hello" })
        assert.equal("hello", list[i]:response().body)
        list[i]:close()
      end
    end
  end)
end)

describe("many streams", function()
  after_each(server.stop_all)

  -- The load tester judges at each client: a crowd of them, so that there is
  -- hardly a moment at which none is being written to.
  it("move while they are being written to", function()
    one = moving.start()
    local load = process.start(server.binary, { "load", one.url .. "/events", "--publish=/publish",
      "--connections=3000", "--rate=100", "--duration=3s", "--timeout=20s", "--json" })
    eventually(function()
      local now = moving.health()
      return now.streams == 3000 and now.events_sent > 3000
    end)
    for _, count in ipairs { 1, 3 } do
      moving.resize(count)
      eventually(function() return moving.worker_count() == count end)
    end
    assert.equal(0, (load:wait()))
    local report = cjson.decode(load.out)
    local connections, deliveries = report.connections, report.deliveries
    assert.same({ 3000, 0, 0 }, { connections.opened, connections.failed, report.published.failed })
    assert.same({ 0, 0, 0, 0 }, { deliveries.lost, deliveries.duplicated, deliveries.reordered,
      deliveries.gaps })
    assert.is_true(moving.health().moved >= 1500)
  end)

  it("move without a byte lost, two thirds of them stuck in mid-event", function()
    one = moving.start { QUIET = "yes" }
    local streams, stuck = moving.open_raw(1000, { narrow = true }), 0
    for i, stream in ipairs(streams) do
      if i % 3 > 0 then
        stream:pause()
        stuck = stuck + 1
      end
    end
    for _ = 1, 100 do
      if moving.health().fell_behind >= stuck then break end
      moving.publish(4000)
    end
    assert.is_true(moving.health().fell_behind >= stuck)
    moving.resize(1)
    for _ = 1, 5 do moving.publish(4000) end
    eventually(function() return moving.worker_count() == 1 end)
    for _, stream in ipairs(streams) do stream:resume() end
    moving.assert_same_bytes(streams)
    eventually(function() return moving.health().streams == 1000 end)
    assert.is_true(moving.health().moved >= 600)
  end)

  it("move with a part of an event gone, and the rest on its way", function()
    one = moving.start { QUIET = "yes" }
    local streams = moving.open_raw(9, { narrow = true })
    for _, stream in ipairs(streams) do stream:pause() end
    moving.publish(3500000) -- more than any socket buffer holds
    eventually(function() return moving.health().fell_behind == 9 end)
    for _, stream in ipairs(streams) do
      stream:resume()
      stream:receive(1000000)
      stream:pause()
    end
    moving.resize(1)
    moving.publish(1000)
    eventually(function() return moving.worker_count() == 1 end)
    for _, stream in ipairs(streams) do stream:resume() end
    moving.assert_same_bytes(streams)
  end)
end)
