-- SPDX-License-Identifier: MIT
-- `stentor load` as a program: what it prints, and that it is honest about what
-- it could not measure and about itself.
local json = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local proc = require "spec.support.proc"
local process = require "spec.support.process"
local server = require "spec.support.server"
local hostile = require "spec.core.load.hostile"
local loading = require "spec.core.load.loading"

local arguments, load = loading.arguments, loading.run
local missed, warnings = loading.missed, loading.warnings

describe("stentor load", function()
  after_each(function()
    hostile.stop_all()
    server.stop_all()
  end)

  describe("against a good server", function()
    it("measures, and says that it is good", function()
      local one = hostile.broadcaster()
      local report, run = load(one.url, "--publish=/publish", "--rate=50")
      assert.equal(0, run.code)
      assert.is_true(report.good)
      assert.equal(3, report.connections.opened)
      assert.is_true(report.published.accepted >= 10)
      assert.equal(3 * report.published.accepted, report.deliveries.count)
      assert.equal(report.deliveries.count, report.latency_ms.count)
      assert.equal(3, report.first_byte_ms.count)
      assert.equal(3, report.first_event_ms.count)
      assert.is_true(report.lag_ms.count > 10)
      assert.is_nil(warnings(report):find "not measured")
    end)

    for name, line_end in pairs { CRLF = "\r\n", CR = "\r" } do
      it("reads streams with " .. name, function()
        local one = hostile.broadcaster {
          deliver = function(write, event) write((event:gsub("\n", line_end))) end,
        }
        local report, run = load(one.url, "--publish=/publish", "--rate=50")
        assert.equal(0, run.code)
        assert.equal(3 * report.published.accepted, report.latency_ms.count)
      end)
    end

    it("reads chunked streams, whatever the cuts, after interim answers", function()
      local one = hostile.broadcaster {
        head = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
          .. "Content-Type: Text/Event-Stream\r\n\r\n3\r\n:\n\n\r\n2\r\n",
        deliver = function(write, event)
          write(("%x;x=y\r\n%s\r\n"):format(7, event:sub(1, 7)))
          write(("%X\r\n%s"):format(#event - 7, event:sub(8)))
          write "\r\n"
        end,
      }
      -- The comment that it sends to everybody fills the open chunk of two.
      one.answer = (function(answer)
        return function(client, request)
          local write = client.write
          client.write = function(bytes)
            write(bytes == ":\n\n" and ":\n\r\n" or bytes)
          end
          answer(client, request)
        end
      end)(one.answer)
      local report, run = load(one.url, "--publish=/publish", "--rate=50")
      assert.equal(0, run.code, run.out)
      assert.equal(3 * report.published.accepted, report.latency_ms.count)
    end)

    it("prints a table, and a line of progress only on a terminal", function()
      local one = hostile.broadcaster()
      local run = server.run(arguments(one.url, "--publish=/publish"))
      assert.equal("", run.err)
      assert.matches("3 of 3 opened, 0 failed", run.out)
      assert.matches("our own lag", run.out)
      assert.matches("first_event_p95 +< 3 s", run.out)
      assert.matches("verdict +good", run.out)
    end)

    it("writes a report in one file, nothing from elsewhere", function()
      local one = hostile.broadcaster()
      local path = server.make_folder() .. "/report.html"
      local _, run = load(one.url .. "?<b>", "--publish=/publish", "--rate=50", "--html", path)
      assert.equal(0, run.code)
      local file = assert(io.open(path, "rb"))
      local text = file:read "*a"
      file:close()
      for _, title in ipairs { "Connections", "Deliveries a second", "Latency over time",
                               "Latency of all deliveries", "Thresholds" } do
        assert.is_truthy(text:find(title, 1, true), title)
      end
      assert.is_nil(text:find "src=")
      assert.is_nil(text:find "href=")
      assert.is_nil(text:find("?<b>", 1, true))
      assert.is_nil(text:find "[%s\">]%-?nan" or text:find "[%s\">]%-?inf")
      local _, opened = text:gsub("<svg", "")
      local _, closed = text:gsub("</svg>", "")
      assert.equal(6, opened)
      assert.equal(opened, closed)
    end)

    it("publishes as many as it is told, and ends when all have them", function()
      local one = hostile.broadcaster()
      local report, run = load(one.url, "--publish=/publish", "--rate=max", "--events=7",
        "--duration=60s", "--in-flight=3")
      assert.equal(0, run.code)
      assert.equal(7, report.published.accepted)
      assert.equal(7, one.published)
      assert.equal(21, report.deliveries.count)
      assert.is_true(report.first_connect_at_us <= report.last_open_at_us)
      assert.is_true(report.last_open_at_us <= report.running_at_us)
      assert.is_true(report.running_at_us < report.last_event_at_us)
    end)

    it("prints what it has when it is interrupted", function()
      local one = hostile.broadcaster()
      local run = process.start(server.binary, arguments(one.url, "--json", "--publish=/publish",
        "--duration=60s", "--rate=100"))
      eventually(function() return one.published > 10 end)
      run:kill "sigint"
      assert.equal(0, (run:wait()))
      local report = json.decode(run.out)
      assert.is_true(report.interrupted)
      assert.is_true(report.deliveries.count > 0)
      assert.is_true(report.duration_s < 50)
    end)
  end)

  describe("of events that are not its own", function()
    local function foreign(...)
      return load(hostile.broadcaster({ body = "hello" }).url, "--publish=/publish", "--rate=50",
        ...)
    end

    it("measures the first event and the rate, and says so", function()
      local report, run = foreign()
      assert.equal(0, run.code)
      assert.is_true(report.deliveries.other > 0)
      assert.equal(3, report.first_event_ms.count)
      assert.matches("latency, loss and order are not measured", warnings(report))
    end)

    it("misses a threshold that cannot be measured", function()
      local report, run = foreign "--threshold=latency_p99=1s"
      assert.equal(1, run.code)
      assert.equal("latency_p99", missed(report))
      assert.equal("lost", missed((foreign "--threshold=lost=5")))
    end)
  end)

  it("warns when it was late itself", function()
    -- The load client is stopped for a while, as by a machine that is too busy.
    local one = hostile.broadcaster()
    local run = process.start(server.binary, arguments(one.url, "--json", "--publish=/publish",
      "--rate=100", "--duration=1500ms"))
    eventually(function() return next(one.streams) end)
    local child
    eventually(function()
      for _, candidate in ipairs(proc.children(run.pid)) do
        if candidate.title:find "clients" then child = candidate end
      end
      return child
    end)
    eventually.turn(600)
    uv.kill(child.pid, "sigstop")
    eventually.stays(function() return true end, 0.4)
    uv.kill(child.pid, "sigcont")
    run:wait()
    local report = json.decode(run.out)
    assert.is_true(report.lag_ms.max >= 300)
    assert.matches("the load clients were late themselves", warnings(report))
  end)

  it("refuses to load another machine unasked", function()
    local cases = { { "http://192.0.2.1/" },
                    { "http://127.0.0.1/", "--publish=http://192.0.2.1/" } }
    for _, case in ipairs(cases) do
      local run = server.run(arguments(unpack(case)))
      assert.equal(2, run.code)
      assert.matches("192%.0%.2%.1/ is not this machine: add %-%-yes%-remote", run.err)
      assert.equal("", run.out)
    end
  end)

  it("says at once that it cannot write the report", function()
    local run = server.run(arguments("http://127.0.0.1:1/", "--html=/nonexistent/report.html"))
    assert.equal(2, run.code)
    assert.matches("%-%-html /nonexistent/report.html: No such file", run.err)
  end)

  it("lists its options and thresholds", function()
    local run = server.run { "load", "--help" }
    assert.equal(0, run.code)
    for _, word in ipairs { "--slow", "--reconnect", "--resume", "--threshold", "--html",
                            "first_byte_p95", "deliveries_per_s", "success=95%" } do
      assert.is_truthy(run.out:find(word, 1, true), word)
    end
  end)
end)
