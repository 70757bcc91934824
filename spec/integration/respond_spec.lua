-- SPDX-License-Identifier: MIT
--- What scripts answer over HTTP, and what their mistakes look like from outside.
local cjson = require "cjson"
local http = require "spec.support.http"
local server = require "spec.support.server"

local config = [[
workers(1)
limits { body = "64k", response = "1M", answer_time = "2s", event = "4k" }
local events = channel "events" {}
route "GET /gated" { stream = events, admit = function(request)
  request.reply_headers = { ["X-Gate"] = "passed" }
end }
route "GET /gated-badly" { stream = events, admit = function(request)
  request.reply_headers = { ["X-Gate"] = "a\r\nX-Forged: b" }
end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "POST /header" { respond = function(request)
  local asked = request:json()
  return 200, "fine", { [asked.name] = asked.value }
end }
route "GET /status/:n" { respond = function(request)
  return tonumber(request.params.n), "a body"
end }
route "GET /throws" { respond = function() error "thrown on purpose" end }
route "GET /throws-table" { respond = function() error { code = 7 } end }
route "GET /throws-nil" { respond = function() error(nil) end }
route "GET /nothing" { respond = function() end }
route "GET /rubbish" { respond = function() return "hello" end }
route "GET /function" { respond = function() return 200, print end }
route "GET /nan" { respond = function() return 0 / 0, "x" end }
route "GET /deep" { respond = function()
  local t = {} t.t = t
  return 200, t
end }
route "GET /overflow" { respond = function()
  local function down(n) return 1 + down(n + 1) end
  return down(1)
end }
route "GET /later" { respond = function() return later "30s" end }
route "GET /later-stream" { stream = function() return later "30s" end }
route "GET /stream-nothing" { stream = function() end }
route "GET /stream-rubbish" { stream = function() return { 1, 2 } end }
route "GET /stream-throws" { stream = function() error "no stream today" end }
route "GET /never-again" { stream = function() return 204 end }
route "GET /forbidden" { stream = function() return 403, "not you" end }
route "GET /sleeps" { respond = function() sleep "50ms" return 200, "slept" end }
route "GET /sleeps-long" { respond = function() sleep "1h" return 200, "slept" end }
]]

local one

local function raw(bytes)
  local connection = http.raw(one.port)
  connection:send(bytes)
  return connection
end

local function get(path, headers, method)
  return one:request { path = path, headers = headers, method = method }
end

local function post(path, body, headers)
  return one:request { method = "POST", path = path, body = body, headers = headers }
end

describe("over HTTP, a script", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)

  -- Whatever a spec did to it, it serves and nobody died.
  after_each(function()
    assert.equal(200, (get "/hello"))
    assert.is_nil(one:log():find "ended:")
  end)

  describe("with a header", function()
    local function with_header(name, value)
      return post("/header", cjson.encode { name = name, value = value })
    end

    it("goes as it is", function()
      local _, headers, body = with_header("X-Fine", "a b\tc; d=\"e\" \195\164")
      assert.same({ "fine", "a b\tc; d=\"e\" \195\164" }, { body, headers["x-fine"] })
    end)

    it("cannot forge another through a gate", function()
      for _, method in ipairs { "GET", "HEAD" } do
        local connection = raw(http.format { method = method, path = "/gated-badly" })
        local whole = connection:response(method)
        assert.equal(500, whole.status)
        assert.is_nil(whole.headers["x-forged"])
        connection:close()
      end
    end)

    it("cannot forge another, nor what the server writes itself", function()
      for _, case in ipairs {
        { "X", "a\r\nSet-Cookie: stolen" }, { "X", "a\nB: c" }, { "X", "a\rB: c" },
        { "X", "a\0b" }, { "X", "a\127b" }, { "X\r\nB", "c" }, { "X Y", "c" }, { "X:", "c" },
        { "", "c" }, { "X\0Y\0", "c" }, { "Content-Length", "1" }, { "transfer-encoding", "x" },
        { "Connection", "close" }, { "Date", "today" }, { "X", { "a", "b\r\nC: d" } },
        { "X", { "a", { "b" } } }, { "X", true },
      } do
        local connection = http.raw(one.port)
        connection:send(http.format { method = "POST", path = "/header",
          body = cjson.encode { name = case[1], value = case[2] } })
        local whole = connection:response()
        assert.equal(500, whole.status, tostring(case[1]))
        assert.equal("internal error\n", whole.body)
        assert.equal("", connection:received())
        for _, line in ipairs(whole.list) do
          assert.truthy(("Content-Type Date Content-Length"):find(line[1], 1, true))
        end
        connection:close()
      end
      assert.truthy(one:log():find "route \"POST /header\"")
    end)
  end)

  describe("a handler that", function()
    local function assert_broken(path, log)
      for _, accept in ipairs { "*/*", "text/event-stream" } do
        local status, _, body = get(path, { Accept = accept })
        assert.same({ 500, "internal error\n" }, { status, body })
      end
      assert.truthy(one:log():find(log), one:log():sub(-1000))
    end

    it("throws is logged with its line: 500", function()
      assert_broken("/throws", "config.lua:%d+: thrown on purpose")
      assert_broken("/throws-table", '{"code":7}')
      assert_broken("/throws-nil", 'route "GET /throws%-nil"[^\n]*nil')
      assert_broken("/overflow", "stack overflow")
      assert_broken("/stream-throws", "config.lua:%d+: no stream today")
    end)

    it("returns nothing or rubbish, so does: 500", function()
      assert_broken("/nothing", 'route "GET /nothing"[^\n]*nothing was returned')
      assert_broken("/rubbish", 'a string was returned: the status comes first')
      assert_broken("/function", 'route "GET /function"')
      assert_broken("/nan", 'the status must be between 200 and 599')
      assert_broken("/deep", 'route "GET /deep"')
      assert_broken("/status/100", 'the status must be between 200 and 599')
      assert_broken("/status/600", 'the status must be between 200 and 599')
      assert_broken("/status/200.5", 'the status must be between 200 and 599')
      assert_broken("/stream-nothing", 'route "GET /stream%-nothing"[^\n]*nothing was returned')
      assert_broken("/stream-rubbish", 'entry 1 of the list is no channel')
    end)

    it("answers later is survived by an EventSource, and honest to others", function()
      for _, path in ipairs { "/later", "/later-stream" } do
        local status, headers = get(path)
        assert.same({ 503, "30" }, { status, headers["retry-after"] })
        local body
        status, headers, body = get(path, { Accept = "text/event-stream" })
        assert.same({ 200, "text/event-stream;charset=utf-8", "close" },
          { status, headers["content-type"], headers.connection })
        local retry = tonumber(body:match "^retry: (%d+)\n\n$")
        assert.is_true(retry >= 15000 and retry <= 45000)
      end
    end)

    it("answers any status, and a body only where there may be one", function()
      local status, _, body = get "/status/418"
      assert.same({ 418, "a body" }, { status, body })
      local connection = raw("GET /status/204 HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /status/304 HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /never-again HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n")
      assert.equal(204, connection:response().status)
      assert.equal(304, connection:response().status)
      assert.equal(204, connection:response().status)
      assert.equal("hello", connection:response().body)
      connection:close()
    end)

    it("takes too long is answered for: 503, or survivably", function()
      local slow, stream = raw(http.format { path = "/sleeps-long" }), raw(http.format {
        path = "/sleeps-long", headers = { Accept = "text/event-stream" } })
      local status, _, body = get "/sleeps"
      assert.same({ 200, "slept" }, { status, body })
      local whole = slow:response()
      assert.same({ 503, "no answer in time\n", "5" },
        { whole.status, whole.body, whole.headers["retry-after"] })
      whole = stream:response()
      assert.equal(200, whole.status)
      assert.truthy(whole.body:find "^retry: %d+\n\n$")
      assert.equal("EOF", stream:closed())
      -- Nothing was done to the connection of the honest answer.
      slow:send(http.format { path = "/hello" })
      assert.equal("hello", slow:response().body)
      slow:close()
      stream:close()
    end)
  end)
end)
