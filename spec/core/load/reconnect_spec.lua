-- SPDX-License-Identifier: MIT
-- `stentor load` with clients that leave and come back, and with slow ones.
local server = require "spec.support.server"
local hostile = require "spec.core.load.hostile"
local loading = require "spec.core.load.loading"

local load, missed, warnings = loading.run, loading.missed, loading.warnings

describe("stentor load", function()
  after_each(function()
    hostile.stop_all()
    server.stop_all()
  end)

  describe("with clients that come back", function()
    local function resume(faults, ...)
      local one = hostile.broadcaster(faults)
      local report, run = load(one.url, "--publish=/publish", "--rate=100", "--connections=10",
        "--reconnect=400ms", "--duration=1s", ...)
      return report, run, one
    end

    it("loses nothing and gets nothing twice where ids work", function()
      local report, run, one = resume({}, "--resume")
      assert.equal(0, run.code)
      assert.is_true(report.connections.reconnects >= 15)
      assert.equal(one.resumed, report.connections.resumed)
      assert.is_true(report.connections.resumed >= 10)
      assert.is_true(report.deliveries.replayed > 0)
      assert.equal(report.connections.tried, report.connections.opened)
      assert.equal(10 * report.published.accepted, report.deliveries.count)
    end)

    it("tells what a server that ignores the id lost", function()
      local report, run = resume({ resume = function() return nil end }, "--resume")
      assert.equal(1, run.code)
      assert.equal("lost", missed(report))
    end)

    it("tells what a server repeats", function()
      local report, run = resume({ resume = function(last) return math.max(0, last - 1) end },
        "--resume")
      assert.equal(1, run.code)
      assert.equal("duplicated", missed(report))
      -- A client that resumes before anything new has come, resumes there again.
      assert.is_true(report.deliveries.duplicated >= 10)
    end)

    it("does not judge what they missed without --resume", function()
      local report, run, one = resume {}
      assert.equal(0, run.code)
      assert.is_true(report.connections.reconnects >= 15)
      assert.equal(0, one.resumed)
      assert.equal(0, report.deliveries.lost)
      assert.is_true(report.deliveries.count < 10 * report.published.accepted)
    end)

    it("says so when the events have no ids", function()
      local report, run = resume({ bare = true }, "--resume")
      assert.equal(0, run.code)
      assert.equal(0, report.connections.resumed)
      assert.matches("had no id to resume from", warnings(report))
    end)

    it("brings back those that the server dropped, and counts them", function()
      local count = 0
      local one = hostile.start(function(client)
        count = count + 1
        client.write(hostile.head)
        if count % 2 == 1 then client.close() end
      end)
      local report, run = load(one.url, "--reconnect=1s")
      assert.equal(1, run.code)
      assert.is_true(report.connections.errors.closed_early >= 2)
      assert.is_true(report.connections.reconnects >= 2)
    end)
  end)

  describe("with a storm", function()
    it("has all leave once and come back, and tells how long that took", function()
      local one = hostile.broadcaster()
      local report, run = load(one.url, "--publish=/publish", "--rate=100", "--connections=10",
        "--storm=300ms", "--resume", "--duration=1s", "--threshold=back_max=5s")
      assert.equal(0, run.code)
      assert.equal(10, report.connections.reconnects)
      assert.equal(10, report.connections.resumed)
      assert.equal(20, report.connections.opened)
      assert.equal(10, report.back_ms.count)
      assert.equal(10 * report.published.accepted, report.deliveries.count)
    end)
  end)

  it("has slow clients that are not judged, and tells who dropped them", function()
    local one, slow = hostile.broadcaster(), nil
    local answer = one.answer
    one.answer = function(client, request)
      if request.method == "GET" then slow = slow or client end
      answer(client, request)
      -- The first client is dropped in mid-stream.
      if request.method == "POST" then slow.close() end
    end
    local report, run = load(one.url, "--publish=/publish", "--rate=50", "--slow=100%",
      "--duration=3500ms")
    assert.equal(0, run.code)
    assert.equal(3, report.connections.slow)
    assert.equal(1, report.connections.slow_dropped)
    assert.equal(0, report.deliveries.count)
    assert.equal(0, report.deliveries.lost)
  end)
end)
