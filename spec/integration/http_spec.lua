-- SPDX-License-Identifier: MIT
--- HTTP of the real binary, end to end: what is refused and how, routes, bodies
-- and connections.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local server = require "spec.support.server"

local config = [[
workers(1)
limits { body = "64k", response = "1M", answer_time = "2s", event = "4k" }
local events = channel "events" {}
local function body_of(request) return 200, request.body end
route "GET /events" { stream = events }
route "GET /chosen" { stream = function() return events end }
route "GET /gated" { stream = events, admit = function(request)
  request.reply_headers = { ["X-Gate"] = "passed" }
end }
route "GET /hello" { respond = function() return 200, "hello" end }
route "GET /n/:n" { respond = function(request) return 200, request.params.n end }
route "POST /echo" { respond = body_of }
route "GET /echo" { respond = body_of }
route "POST /json" { respond = function(request) return 200, { got = request:json() } end }
route "POST /form" { respond = function(request) return 200, request:form() end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "GET /query" { respond = function(request)
  return 200, { a = request.query.a, all = request:all "a", method = request.method }
end }
route "GET /p/:one/x/*rest" { respond = function(request)
  return 200, request.params.one .. "|" .. request.params.rest
end }
route "GET /size/:n" { respond = function(request)
  return 200, ("x"):rep(tonumber(request.params.n))
end }
route "GET /binary" { respond = function()
  local bytes = {}
  for n = 0, 255 do bytes[n + 1] = string.char(n) end
  return 200, table.concat(bytes), { ["Content-Type"] = "application/octet-stream" }
end }
route "GET /forbidden" { stream = function() return 403, "not you" end }
route "GET /sleeps" { respond = function() sleep "50ms" return 200, "slept" end }
]]

local one

local function raw(bytes)
  local connection = http.raw(one.port)
  connection:send(bytes)
  return connection
end

--- The response to `bytes` on a connection of their own.
local function answer(bytes, method)
  local connection = raw(bytes)
  local whole = connection:response(method)
  return whole, connection
end

local function get(path, headers, method)
  return one:request { path = path, headers = headers, method = method }
end

local function post(path, body, headers)
  return one:request { method = "POST", path = path, body = body, headers = headers }
end

local function get_lines(count, line)
  local list = {}
  for i = 1, count do list[i] = line(i) end
  return table.concat(list)
end

describe("over HTTP", function()
  setup(function() one = server.start(config) end)
  teardown(server.stop_all)

  -- Whatever a spec did to it, it serves and nobody died.
  after_each(function()
    assert.equal(200, (get "/hello"))
    assert.is_nil(one:log():find "ended:")
  end)

  describe("a request is refused", function()
    local host = "Host: spec\r\n"
    local cases = {
      { 400, "without Host", "GET /hello HTTP/1.1\r\n\r\n" },
      { 400, "with two Hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
      { 400, "of HTTP/0.9", "GET /hello\r\n" },
      { 400, "that is a TLS hello", "\22\3\1\2\0\1\0\1\252\3\3" .. ("\200"):rep(300) },
      { 501, "that is an SSH banner", "SSH-2.0-OpenSSH_9.2p1\r\n" },
      { 400, "with a bare LF", "GET /hello HTTP/1.1\nHost: spec\n\n" },
      { 400, "with a folded header", "GET /hello HTTP/1.1\r\n" .. host .. "A: b\r\n c\r\n\r\n" },
      { 400, "with NUL in a header", "GET /hello HTTP/1.1\r\n" .. host .. "A: b\0c\r\n\r\n" },
      { 400, "with a space before the colon",
        "GET /hello HTTP/1.1\r\n" .. host .. "A : b\r\n\r\n" },
      { 400, "with # in its target", "GET /hello#x HTTP/1.1\r\n" .. host .. "\r\n" },
      { 400, "with two lengths", "POST /echo HTTP/1.1\r\n" .. host
        .. "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
      { 400, "with length and chunks", "POST /echo HTTP/1.1\r\n" .. host
        .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
      { 400, "with a length that is none", "POST /echo HTTP/1.1\r\n" .. host
        .. "Content-Length: -1\r\n\r\n" },
      { 400, "with a chunk size that is none", "POST /echo HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: chunked\r\n\r\nzz\r\n" },
      { 400, "with a chunk extension", "POST /echo HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n" },
      { 413, "with a length over the limit", "POST /echo HTTP/1.1\r\n" .. host
        .. "Content-Length: 65537\r\n\r\n" },
      { 413, "with a length beyond all limits", "POST /echo HTTP/1.1\r\n" .. host
        .. "Content-Length: 9223372036854775808\r\n\r\n" },
      { 413, "with chunks over the limit", "POST /echo HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: chunked\r\n\r\n8000\r\n" .. ("x"):rep(0x8000)
        .. "\r\n8001\r\n" .. ("x"):rep(0x8001) .. "\r\n0\r\n\r\n" },
      { 414, "with a target over the limit",
        "GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\n" .. host .. "\r\n" },
      { 417, "with an unknown expectation", "POST /echo HTTP/1.1\r\n" .. host
        .. "Expect: wonders\r\nContent-Length: 1\r\n\r\nx" },
      { 431, "with a head over the limit",
        "GET /hello HTTP/1.1\r\n" .. host .. "A: " .. ("x"):rep(17000) .. "\r\n\r\n" },
      { 431, "with too many headers", "GET /hello HTTP/1.1\r\n" .. host
        .. ("a: b\r\n"):rep(100) .. "\r\n" },
      { 501, "with an unknown coding", "POST /echo HTTP/1.1\r\n" .. host
        .. "Transfer-Encoding: gzip, chunked\r\n\r\n" },
      { 505, "of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
      { 505, "of HTTP/3.0", "GET /hello HTTP/3.0\r\n" .. host .. "\r\n" },
    }
    for _, case in ipairs(cases) do
      local status, what, bytes = case[1], case[2], case[3]
      it(("%s: %d"):format(what, status), function()
        local refused, connection = answer(bytes)
        assert.equal(status, refused.status, refused.body)
        assert.equal("close", refused.headers.connection)
        assert.truthy(refused.headers["content-type"]:find "^text/plain")
        assert.truthy(refused.body:find "^[^\n]+\n$")
        connection:closed()
        connection:close()
      end)
    end

    it("and counted, and the log says why", function()
      local before = #one:log()
      raw "GET /hello HTTP/1.1\r\n\r\n":closed()
      eventually(function()
        return one:log():sub(before):find "refused 127%.0%.0%.1: 400"
          or one:log():sub(before):find "more requests were refused"
      end)
    end)
  end)

  describe("a route", function()
    it("that is not there: 404, with another method: 405 and Allow", function()
      local status, _, body = get "/nowhere"
      assert.equal(404, status)
      assert.equal("not found\n", body)
      local headers
      status, headers = one:request { method = "DELETE", path = "/hello" }
      assert.equal(405, status)
      assert.equal("GET, HEAD, OPTIONS", headers.allow)
      status, headers = get "/publish"
      assert.equal(405, status)
      assert.equal("OPTIONS, POST", headers.allow)
      status, headers = one:request { method = "POST", path = "/events", body = "x" }
      assert.equal(405, status)
      assert.equal("GET, HEAD, OPTIONS", headers.allow)
    end)

    it("answers OPTIONS, for all with *", function()
      local status, headers, body = one:request { method = "OPTIONS", path = "/echo" }
      assert.same({ 204, "GET, HEAD, OPTIONS, POST", "" }, { status, headers.allow, body })
      assert.is_nil(headers["content-length"])
      status, headers = one:request { method = "OPTIONS", path = "*" }
      assert.same({ 204, "GET, HEAD, OPTIONS, POST" }, { status, headers.allow })
      assert.equal(404, (one:request { method = "OPTIONS", path = "/nowhere" }))
    end)

    it("answers HEAD with GET's head", function()
      local connection = raw(("HEAD %s HTTP/1.1\r\nHost: spec\r\n\r\n"):format "/size/1000")
      local head = connection:response "HEAD"
      assert.equal(200, head.status)
      assert.equal("1000", head.headers["content-length"])
      connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.equal("hello", connection:response().body)
      for _, path in ipairs { "/events", "/chosen", "/events?since=2" } do
        connection:send(("HEAD %s HTTP/1.1\r\nHost: spec\r\n\r\n"):format(path))
        head = connection:response "HEAD"
        assert.equal(200, head.status)
        assert.equal("text/event-stream;charset=utf-8", head.headers["content-type"])
      end
      connection:send "HEAD /gated HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.equal("passed", connection:response("HEAD").headers["x-gate"])
      connection:send "HEAD /nowhere HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.equal(404, connection:response("HEAD").status)
      connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.equal("hello", connection:response().body)
      connection:close()
    end)

    it("may be asked for with a whole URL", function()
      local whole = answer "GET http://spec/hello HTTP/1.1\r\nHost: spec\r\n\r\n"
      assert.same({ 200, "hello" }, { whole.status, whole.body })
    end)

    it("gets its parameters decoded, each in its segment", function()
      local function text(path)
        local status, _, body = get(path)
        return status .. " " .. body
      end
      assert.equal("200 a/b", text "/n/a%2fb")
      assert.equal("200 a b+c", text "/n/a%20b+c")
      assert.equal("200 \195\164", text "/n/%c3%a4")
      assert.equal("200 %41", text "/n/%2541")
      assert.equal("200 ..", text "/n/..")
      assert.equal("200 ..|../../etc/passwd", text "/p/%2e%2e/x/../../etc%2Fpasswd")
      assert.equal("404 not found\n", text "/n/")
      assert.equal("200 hello", text "/hell%6f")
      assert.equal("200 \r\nX: y", text "/n/%0d%0aX:%20y")
      for _, path in ipairs { "/n/%00", "/n/a%zz", "/n/%", "/query?a=%", "/query?a=%00" } do
        assert.truthy(text(path):find "^400 [^\n]+\n$", path)
      end
      assert.same({ a = "1 2", all = { "1 2", "", "3" }, method = "GET" },
        cjson.decode((text "/query?a=1+2&b=x&a&a=3":gsub("^200 ", ""))))
    end)
  end)

  describe("a body", function()
    it("of any size up to the limit goes in and out, binary too", function()
      local bytes = {}
      for n = 0, 65535 do bytes[n + 1] = string.char((n * 7 + n / 256) % 256) end
      local whole = table.concat(bytes)
      for _, size in ipairs { 0, 1, 1000, 16384, 65535, 65536 } do
        local status, headers, body = post("/echo", whole:sub(1, size))
        assert.equal(200, status)
        assert.equal(tostring(size), headers["content-length"])
        assert.is_true(body == whole:sub(1, size))
      end
      for _, size in ipairs { 0, 1, 65536, 500000, 1048576 } do
        local status, _, body = get("/size/" .. size)
        assert.equal(200, status)
        assert.equal(size, #body)
      end
      local status, headers, body = get "/binary"
      assert.same({ 200, 256, "application/octet-stream" },
        { status, #body, headers["content-type"] })
      for n = 0, 255 do assert.equal(n, body:byte(n + 1)) end
    end)

    it("over the limit of responses is a script's mistake", function()
      local status, _, body = get "/size/1048577"
      assert.same({ 500, "internal error\n" }, { status, body })
      assert.truthy(one:log():find "/size/:n.*cannot answer")
    end)

    it("in chunks is put together, however it is cut", function()
      local connection = http.raw(one.port)
      local bytes = "POST /echo HTTP/1.1\r\nHost: spec\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "5\r\nhello\r\n1\r\n \r\n005\r\nworld\r\n0\r\nTrailer: x\r\n\r\n"
      for i = 1, #bytes do
        connection:send(bytes:sub(i, i))
        if i % 10 == 0 then eventually.turn(0) end
      end
      assert.equal("hello world", connection:response().body)
      connection:send(bytes .. bytes)
      assert.equal("hello world", connection:response().body)
      assert.equal("hello world", connection:response().body)
      connection:close()
    end)

    it("that is awaited is asked for", function()
      local connection = raw("POST /echo HTTP/1.1\r\nHost: spec\r\nExpect: 100-continue\r\n"
        .. "Content-Length: 5\r\n\r\n")
      assert.equal("HTTP/1.1 100 Continue\r\n\r\n", connection:receive "100 Continue\r\n\r\n")
      connection.pieces = {}
      connection:send "hello"
      assert.equal("hello", connection:response().body)
      -- Not when it is refused anyway.
      connection:send("POST /echo HTTP/1.1\r\nHost: spec\r\nExpect: 100-continue\r\n"
        .. "Content-Length: 500000\r\n\r\n")
      assert.equal(413, connection:response().status)
      connection:close()
    end)

    it("that is not JSON, or no form, is answered 400", function()
      local status, _, body = post("/json", '{"a":[1,2,{"b":null}]}')
      assert.equal(200, status)
      assert.same({ got = { a = { 1, 2, { b = cjson.null } } } }, cjson.decode(body))
      for _, bad in ipairs { "", "{", "nonsense", '{"a":1}x', "[1,]", '"\0"', "\255",
        ("["):rep(5000), '{"a":NaN}' } do
        status, _, body = post("/json", bad)
        assert.equal(400, status, bad:sub(1, 20) .. " " .. body)
        assert.truthy(body:find "JSON")
      end
      local form = { ["Content-Type"] = "application/x-www-form-urlencoded" }
      status, _, body = post("/form", "a=1&b=%41+B", form)
      assert.equal(200, status)
      assert.same({ a = "1", b = "A B" }, cjson.decode(body))
      assert.equal(400, (post("/form", "a=%4", form)))
      assert.equal(400, (post("/form", "a=1")))
    end)

    it("too long for an event is 413, and every other byte is published", function()
      assert.equal(202, (post("/publish", ("x"):rep(4096))))
      assert.equal(413, (post("/publish", ("x"):rep(4097))))
      assert.equal(202, (post("/publish", "\0\1\r\n\255")))
    end)
  end)

  describe("a connection", function()
    it("is kept, unless one side says otherwise", function()
      local connection = http.raw(one.port)
      for _ = 1, 5 do
        connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\n\r\n"
        local whole = connection:response()
        assert.same({ 200 }, { whole.status, whole.headers.connection })
      end
      connection:send "GET /hello HTTP/1.1\r\nHost: spec\r\nConnection: close\r\n\r\n"
      assert.equal("close", connection:response().headers.connection)
      assert.equal("EOF", connection:closed())
      connection:close()
    end)

    it("of HTTP/1.0 is closed, unless it asks otherwise", function()
      local whole, connection = answer "GET /hello HTTP/1.0\r\n\r\n"
      assert.equal("hello", whole.body)
      assert.equal("EOF", connection:closed())
      connection = raw "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
      whole = connection:response()
      assert.same({ "hello", "keep-alive" }, { whole.body, whole.headers.connection })
      connection:send "GET /hello HTTP/1.0\r\n\r\n"
      whole = connection:response()
      assert.same({ "hello", "close" }, { whole.body, whole.headers.connection })
      assert.equal("EOF", connection:closed())
      connection:close()
    end)

    it("may be given requests ahead, answered in order", function()
      local connection = raw("GET /n/1 HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "POST /echo HTTP/1.1\r\nHost: spec\r\nContent-Length: 3\r\n\r\ntwo"
        .. "HEAD /n/3 HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /sleeps HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /nowhere HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /size/500000 HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /n/7 HTTP/1.1\r\nHost: spec\r\n\r\n")
      assert.equal("1", connection:response().body)
      assert.equal("two", connection:response().body)
      assert.equal("1", connection:response("HEAD").headers["content-length"])
      assert.equal("slept", connection:response().body)
      assert.equal(404, connection:response().status)
      assert.equal(500000, #connection:response().body)
      assert.equal("7", connection:response().body)
      connection:close()
    end)

    it("may be given 16 ahead; more may be answered with a close, never out of order", function()
      local connection = raw(get_lines(17, function(i)
        return ("GET /n/%d HTTP/1.1\r\nHost: spec\r\n\r\n"):format(i)
      end))
      for i = 1, 17 do assert.equal(tostring(i), connection:response().body) end
      connection:close()
      connection = raw(get_lines(60, function(i)
        return ("GET /n/%d HTTP/1.1\r\nHost: spec\r\n\r\n"):format(i)
      end))
      local got = 0
      while true do
        local ok, whole = pcall(connection.response, connection)
        if not ok then break end
        got = got + 1
        assert.equal(tostring(got), whole.body)
        if whole.headers.connection == "close" then break end
      end
      assert.is_true(got >= 16 and got <= 60)
      assert.equal("EOF", connection:closed())
      connection:close()
    end)

    it("goes on after a stream was refused, and ends with a bad request ahead", function()
      local connection = raw("GET /forbidden HTTP/1.1\r\nHost: spec\r\n\r\n"
        .. "GET /n/2 HTTP/1.1\r\nHost: spec\r\n\r\nrubbish\r\n\r\nGET /n/4 HTTP/1.1\r\n\r\n")
      local whole = connection:response()
      assert.same({ 403, "not you" }, { whole.status, (whole.body:gsub("\n$", "")) })
      assert.equal("2", connection:response().body)
      assert.equal(400, connection:response().status)
      connection:closed()
      assert.equal("", connection:received())
      connection:close()
    end)

    it("whose client has sent all it will is answered, then closed", function()
      local connection = raw "GET /sleeps HTTP/1.1\r\nHost: spec\r\n\r\n"
      connection:finish()
      local whole = connection:response()
      assert.same({ "slept", "close" }, { whole.body, whole.headers.connection })
      assert.equal("EOF", connection:closed())
      connection:close()
    end)
  end)
end)
