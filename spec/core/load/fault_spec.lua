-- SPDX-License-Identifier: MIT
-- `stentor load` against servers that do not do as they should: each fault is
-- told by its name, and the exit code is right.
local uv = require "luv"
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

  describe("tells a wrong answer:", function()
    local event_stream = "Content-Type: text/event-stream\r\n"
    local wrong = {
      bad_status = {
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n"
          .. "go away",
        "^status 503 Service Unavailable, content type text/plain, first bytes: go away$",
      },
      bad_content_type = {
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>Hello</h1",
        "^status 200 OK, content type text/html, first bytes: <h1>Hello</h1$",
      },
      compressed = {
        "HTTP/1.1 200 OK\r\n" .. event_stream .. "Content-Encoding: gzip\r\n\r\n\31\139\8",
        "content encoding gzip", "the server compresses although we ask for identity",
      },
      redirect = {
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/else\r\nContent-Length: 0\r\n\r\n",
        "^status 302 Found, to http://127.0.0.1/else", "redirects, which is not followed",
      },
      bad_head = { "SSH-2.0-OpenSSH_9.2\r\n", "^SSH%-2%.0%-OpenSSH_9%.2" },
      bad_chunk = {
        "HTTP/1.1 200 OK\r\n" .. event_stream
          .. "Transfer-Encoding: chunked\r\n\r\ndata: x\n\n", "",
      },
      closed_early = { hostile.head .. "data: x\n\n", "", nil, true },
      closed_without_answer = { "", "", nil, true },
      timeout = { "HTTP/1.1 200 OK\r\n", "" },
    }
    for kind, case in pairs(wrong) do
      it(kind, function()
        local one = hostile.answering(case[1], case[4])
        local report, run = load(one.url, "--timeout=300ms")
        assert.equal(1, run.code)
        assert.is_false(report.good)
        assert.same({ [kind] = 3 }, report.connections.errors)
        assert.equal(3, report.connections.failed)
        assert.matches(case[2], report.connections.answer)
        assert.matches(case[3] or "", warnings(report))
        assert.equal("success", missed(report))
      end)
    end

    it("refused", function()
      local report, run = load(("http://127.0.0.1:%d/"):format(server.free_port()))
      assert.equal(1, run.code)
      assert.same({ refused = 3 }, report.connections.errors)
    end)

    it("the first bytes also when they come after the head", function()
      local one = hostile.start(function(client)
        client.write "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\n"
        local timer = uv.new_timer()
        timer:start(10, 0, function()
          client.write "broken"
          timer:close()
        end)
      end)
      local report = load(one.url)
      assert.equal("status 500 Oops, no content type, first bytes: broken",
        report.connections.answer)
    end)

    it("a publish that is refused", function()
      local one = hostile.broadcaster {
        publish = function(client)
          client.write "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow"
          return true
        end,
      }
      local report, run = load(one.url, "--publish=/publish")
      assert.equal(1, run.code)
      assert.matches("status 429 Too Many Requests.*first bytes: slow", report.published.answer)
      assert.is_true(report.published.failed > 0)
      assert.equal("accepted", missed(report))
    end)

    it("and names the missed threshold in the table", function()
      local one = hostile.answering(wrong.bad_status[1])
      local run = server.run(arguments(one.url))
      assert.equal(1, run.code)
      assert.matches("3 bad_status", run.out)
      assert.matches("answered +status 503", run.out)
      assert.matches("verdict +FAILED: success\n", run.out)
    end)
  end)

  describe("tells of a server that", function()
    local function faulty(deliver)
      return load(hostile.broadcaster({ deliver = deliver }).url, "--publish=/publish",
        "--rate=50", "--in-flight=1", "--connections=1")
    end

    it("loses events", function()
      local report, run = faulty(function(write, event, number)
        if number % 5 ~= 3 then write(event) end
      end)
      assert.equal(1, run.code)
      assert.equal(math.floor((report.published.accepted + 2) / 5), report.deliveries.lost)
      assert.equal("lost", missed(report))
    end)

    it("doubles events", function()
      local report, run = faulty(function(write, event, number)
        write(number % 5 == 3 and event .. event or event)
      end)
      assert.equal(1, run.code)
      assert.equal(math.floor((report.published.accepted + 2) / 5), report.deliveries.duplicated)
      assert.equal("duplicated", missed(report))
    end)

    it("changes their order", function()
      local held
      local report, run = faulty(function(write, event, number)
        if number % 5 == 3 then
          held = event
        elseif held then
          write(event .. held)
          held = nil
        else
          write(event)
        end
      end)
      assert.equal(1, run.code)
      assert.is_true(report.deliveries.reordered >= 2)
      assert.matches("reordered", missed(report))
    end)

    it("is slow, if that is asked", function()
      local one = hostile.broadcaster {
        deliver = function(write, event)
          -- A timer counts from the loop's time, in whole milliseconds, which
          -- is older than now when this process was kept waiting.
          uv.update_time()
          local timer = uv.new_timer()
          timer:start(150, 0, function()
            write(event)
            timer:close()
          end)
        end,
      }
      local report, run = load(one.url, "--publish=/publish", "--threshold=latency_p50=100ms",
        "--threshold=latency_p95=30s")
      assert.equal(1, run.code)
      assert.equal("latency_p50", missed(report))
      assert.is_true(report.latency_ms.p50 > 100)
      assert.equal(0, report.deliveries.lost)
    end)

    it("answers publishes too slowly for the rate", function()
      local one = hostile.broadcaster()
      local answer = one.answer
      one.answer = function(client, request)
        local timer = uv.new_timer()
        timer:start(request.method == "POST" and 50 or 0, 0, function()
          answer(client, request)
          timer:close()
        end)
      end
      local report = load(one.url, "--publish=/publish", "--rate=200", "--in-flight=2",
        "--duration=1200ms")
      assert.matches("of 200 publishes a second were accepted", warnings(report))
      assert.is_true(report.published.late_ms.p99 > 200)
      -- It is not the load client that was late.
      assert.is_true(report.published.lag_ms.p50 < report.published.late_ms.p50)
    end)
  end)
end)
