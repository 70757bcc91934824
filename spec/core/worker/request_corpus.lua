-- SPDX-License-Identifier: MIT
-- Requests, and what is to come of them, with the limits of request_spec.lua:
-- head 2048 bytes, 20 headers, target 256 bytes, body 1000 bytes.
local corpus = { accepted = {}, refused = {}, incomplete = {}, all = {} }

local function add(list, case)
  table.insert(corpus[list], case)
  table.insert(corpus.all, case)
end

local function accepted(name, bytes, seen, rest)
  add("accepted", { name = name, bytes = bytes .. (rest or ""), seen = seen, rest = rest })
end

local function refused(status, name, bytes)
  add("refused", { name = name .. " (" .. status .. ")", bytes = bytes, status = status })
end

local function incomplete(name, bytes)
  add("incomplete", { name = name, bytes = bytes })
end

-- A GET with further header lines.
local function get(lines, target, version)
  return ("GET %s HTTP/%s\r\nHost: a\r\n%s\r\n")
    :format(target or "/", version or "1.1", lines or "")
end

-- A POST with header lines and what follows the head.
local function post(lines, body)
  return ("POST /p HTTP/1.1\r\nHost: a\r\n%s\r\n%s"):format(lines, body or "")
end

local function chunked(body)
  return post("Transfer-Encoding: chunked\r\n", body)
end

accepted("plain", get(), { method = "GET", path = "/", query = "", minor = 1, keep_alive = true,
  headers = "host\0a\0", count = 1, body = "", stream = false })
accepted("with a query", get("", "/a/b?x=1&y=2"), { path = "/a/b", query = "x=1&y=2" })
accepted("two question marks", get("", "/a?b?c"), { path = "/a", query = "b?c" })
accepted("empty query", get("", "/a?"), { path = "/a", query = "" })
accepted("percent-encoded", get("", "/a%20b%2Fc"), { path = "/a%20b%2Fc" })
accepted("dots and tildes", get("", "/../~a/.;v=1"), { path = "/../~a/.;v=1" })
accepted("target at the limit", get("", "/" .. ("a"):rep(255)), { path = "/" .. ("a"):rep(255) })
for _, method in ipairs { "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS" } do
  accepted(method, method .. " /m HTTP/1.1\r\nHost: a\r\n\r\n", { method = method, path = "/m" })
end
accepted("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", { path = "*" })
accepted("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { minor = 0, keep_alive = false, headers = "" })
accepted("HTTP/1.0 with Host", get("", "/", "1.0"), { minor = 0, count = 1 })
accepted("HTTP/1.0 keep-alive", get("Connection: keep-alive\r\n", "/", "1.0"),
  { keep_alive = true })
accepted("Connection: close", get "Connection: close\r\n", { keep_alive = false })
accepted("Connection: keep-alive", get "Connection: Keep-Alive\r\n", { keep_alive = true })
accepted("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", { headers = "host\0\0" })
accepted("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n",
  { headers = "host\0[::1]:3000\0" })
accepted("names in lower case", get "X-FOO-Bar: Baz\r\n", { headers = "host\0a\0x-foo-bar\0Baz\0" })
accepted("space around values", get "X:  \t b c \t \r\n", { headers = "host\0a\0x\0b c\0" })
accepted("empty value", get "X:\r\nY: \r\n", { headers = "host\0a\0x\0\0y\0\0", count = 3 })
accepted("repeated header", get "X: 1\r\nX: 2\r\n", { headers = "host\0a\0x\0001\0x\0002\0" })
accepted("UTF-8 in a value", get "X: \195\169\r\n", { headers = "host\0a\0x\0\195\169\0" })
accepted("odd but legal name", get "!#$%&'*+-.^_`|~: 1\r\n", { count = 2 })
accepted("20 headers", get(("X: 1\r\n"):rep(19)), { count = 20 })
accepted("accepts a stream", get "Accept: text/event-stream\r\n", { stream = true })
accepted("accepts a stream among others", get "Accept: text/html, Text/Event-Stream;q=0.9\r\n",
  { stream = true })
accepted("accepts no stream", get "Accept: text/event-streams, */*\r\n", { stream = false })
accepted("Last-Event-ID", get "Last-Event-ID: abc\r\n", { last_id = "abc" })
accepted("last id of the query", get("", "/e?a=1&last_event_id=a%2Db"), { last_id = "a-b" })
accepted("last id of the query, camel case", get("", "/e?lastEventId=x+y"), { last_id = "x y" })
accepted("the header wins", get("Last-Event-ID: h\r\n", "/e?lastEventId=q"), { last_id = "h" })
accepted("an empty last id is none", get "Last-Event-ID:\r\n", { last_id = "" })
accepted("a long last id is cut", get("", "/e?lastEventId=" .. ("%61"):rep(70)),
  { last_id = ("a"):rep(70) })
accepted("with a body", post("Content-Length: 5\r\n", "hello"), { method = "POST", body = "hello" })
accepted("empty body", post "Content-Length: 0\r\n", { body = "" })
accepted("binary body", post("Content-Length: 4\r\n", "\0\r\n\255"), { body = "\0\r\n\255" })
accepted("body at the limit", post("Content-Length: 1000\r\n", ("b"):rep(1000)),
  { body = ("b"):rep(1000) })
accepted("GET with a body", get "Content-Length: 2\r\n" .. "hi", { body = "hi" })
accepted("chunked", chunked "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", { body = "hello world" })
accepted("chunked in capitals",
  post("Transfer-Encoding: CHUNKED\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), { body = "0123456789" })
accepted("empty chunked", chunked "0\r\n\r\n", { body = "" })
accepted("trailers are dropped", chunked "1\r\nx\r\n0\r\nX: 1\r\nHost: b\r\n\r\n",
  { body = "x", headers = "host\0a\0transfer-encoding\0chunked\0" })
accepted("Expect", post("Expect: 100-continue\r\nContent-Length: 1\r\n", "x"), { continue = true })
accepted("Expect of HTTP/1.0 is ignored", get("Expect: 100-continue\r\n", "/", "1.0"),
  { continue = false })
accepted("Upgrade is ignored", get "Connection: Upgrade\r\nUpgrade: websocket\r\n",
  { method = "GET" })
accepted("Upgrade with a body",
  post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n", "hi"), { body = "hi" })
accepted("empty lines before", "\r\n\r\n" .. get(), { path = "/" })
accepted("the next one follows", get(), { path = "/" }, "GET /next HTTP/1.1\r\n")
accepted("the next one follows a body", post("Content-Length: 2\r\n", "hi"), { body = "hi" }, "GET")
accepted("the next one follows chunks", chunked "1\r\nx\r\n0\r\n\r\n", { body = "x" },
  "\r\nGET / HTTP/1.1\r\n\r\n")
accepted("the next one follows a close", get "Connection: close\r\n", { keep_alive = false },
  "GET / HTTP/1.1\r\n")

refused(400, "noise", "\0\1\2\3")
refused(400, "TLS", "\22\3\1\2\0\1\0\1\252\3\3")
refused(400, "lower-case method", "get / HTTP/1.1\r\n\r\n")
refused(400, "space first", " GET / HTTP/1.1\r\n\r\n")
refused(400, "no target", "GET\r\n\r\n")
refused(400, "two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n")
refused(400, "tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n")
refused(400, "HTTP/0.9", "GET /\r\n\r\n")
refused(400, "space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
refused(400, "something after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n")
refused(400, "version with a letter", "GET / HTTP/1.x\r\nHost: a\r\n\r\n")
refused(400, "version without a dot", "GET / HTTP/11\r\nHost: a\r\n\r\n")
refused(400, "lower-case http", "GET / http/1.1\r\nHost: a\r\n\r\n")
refused(400, "RTSP version", "GET / RTSP/1.0\r\nHost: a\r\n\r\n")
refused(400, "ICE version", "GET / ICE/1.0\r\nHost: a\r\n\r\n")
accepted("absolute target", get("", "http://a/b?c"), { path = "/b", query = "c" })
accepted("absolute target without a path", get("", "HTTP://a:80"), { path = "/" })
refused(400, "absolute target without a host", get("", "http:///b"))
refused(400, "absolute target with a user", get("", "http://u@a/b"))
refused(400, "absolute target of another scheme", get("", "ftp://a/b"))
refused(400, "target without a slash", get("", "a"))
refused(400, "authority as target", get("", "a:80"))
refused(400, "* with GET", get("", "*"))
refused(400, "# in the target", get("", "/a#b"))
refused(400, "# in the query", get("", "/a?b#c"))
refused(400, "8-bit path", get("", "/\195\169"))
refused(400, "8-bit query", get("", "/?\195\169"))
refused(400, "NUL in the path", get("", "/a\0b"))
refused(400, "control byte in the path", get("", "/a\1b"))
refused(400, "DEL in the path", get("", "/a\127b"))
refused(400, "tab in the path", get("", "/a\tb"))
refused(400, "bare LF in the first line", "GET / HTTP/1.1\nHost: a\r\n\r\n")
refused(400, "bare LF in a header", get "X: a\nY: b\r\n")
refused(400, "bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n")
refused(400, "bare CR in a header", get "X: a\rY: b\r\n")
refused(400, "bare CR in the first line", "GET / HTTP/1.1\rHost: a\r\n\r\n")
refused(400, "no Host", "GET / HTTP/1.1\r\nX: 1\r\n\r\n")
refused(400, "two Hosts", get "Host: a\r\n")
refused(400, "two different Hosts, HTTP/1.0", get("Host: b\r\n", "/", "1.0"))
refused(400, "Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
refused(400, "Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")
refused(400, "Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")
refused(400, "folded header", get "X: a\r\n b\r\n")
refused(400, "folded with a tab", get "X: a\r\n\tb\r\n")
refused(400, "folded first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n")
refused(400, "folded empty line", get "X: a\r\n \r\n")
refused(400, "empty header name", get ": a\r\n")
refused(400, "space before the colon", get "X : a\r\n")
refused(400, "no colon", get "X\r\n")
refused(400, "8-bit header name", get "X\195\169: a\r\n")
refused(400, "NUL in a value", get "X: a\0b\r\n")
refused(400, "control byte in a value", get "X: a\1b\r\n")
refused(400, "both lengths",
  post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
refused(400, "both lengths, other order",
  post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"))
refused(400, "two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"))
refused(400, "two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"))
refused(400, "list of lengths", post("Content-Length: 5, 5\r\n", "hello"))
refused(400, "signed length", post("Content-Length: +5\r\n", "hello"))
refused(400, "negative length", post("Content-Length: -5\r\n", "hello"))
refused(400, "hexadecimal length", post("Content-Length: 0x5\r\n", "hello"))
refused(400, "empty length", post("Content-Length:\r\n", "hello"))
refused(400, "overlong length", post("Content-Length: 99999999999999999999999\r\n"))
refused(400, "two codings",
  post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"))
refused(400, "chunked, HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
refused(400, "chunk extension", chunked "5;a=b\r\nhello\r\n0\r\n\r\n")
refused(400, "chunk extension without value", chunked "5;a\r\nhello\r\n0\r\n\r\n")
refused(400, "empty chunk extension", chunked "5;\r\nhello\r\n0\r\n\r\n")
refused(400, "space after a chunk's size", chunked "5 \r\nhello\r\n0\r\n\r\n")
refused(400, "0x before a chunk's size", chunked "0x5\r\nhello\r\n0\r\n\r\n")
refused(400, "a chunk without size", chunked "\r\nhello\r\n0\r\n\r\n")
refused(400, "a chunk that is too short", chunked "5\r\nhell\r\n0\r\n\r\n")
refused(400, "a chunk that is too long", chunked "5\r\nhellos\r\n0\r\n\r\n")
refused(400, "bare LF after a chunk's size", chunked "5\nhello\r\n0\r\n\r\n")
refused(400, "a chunk's size overflows", chunked "10000000000000001\r\nx")
refused(413, "length over the limit", post "Content-Length: 1001\r\n")
refused(413, "chunk over the limit", chunked "3e9\r\n")
refused(413, "chunks over the limit", chunked("3e8\r\n" .. ("x"):rep(1000) .. "\r\n1\r\nx"))
refused(414, "target over the limit", get("", "/" .. ("a"):rep(256)))
refused(414, "endless target", "GET /" .. ("a"):rep(3000))
refused(414, "endless target with a bad byte far out", "GET /" .. ("a"):rep(400) .. "\0")
refused(417, "unknown expectation", get "Expect: a-miracle\r\n")
refused(431, "too many headers", get(("X: 1\r\n"):rep(20)))
refused(431, "head too long", get("X: " .. ("a"):rep(2100) .. "\r\n"))
refused(431, "endless header", "GET / HTTP/1.1\r\nX: " .. ("a"):rep(2100))
refused(431, "endless header name", "GET / HTTP/1.1\r\n" .. ("a"):rep(2100))
refused(431, "endless empty lines", ("\r\n"):rep(1100))
refused(431, "endless trailers", chunked("0\r\n" .. ("X: 1\r\n"):rep(30)))
refused(431, "long trailer", chunked("0\r\nX: " .. ("x"):rep(2100)))
for _, method in ipairs { "CONNECT", "TRACE", "PURGE", "MKCOL", "SUBSCRIBE", "SOURCE" } do
  refused(501, method, method .. " / HTTP/1.1\r\nHost: a\r\n\r\n")
end
refused(501, "CONNECT to a host", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n")
refused(501, "unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n")
refused(501, "method too long", "GETS / HTTP/1.1\r\nHost: a\r\n\r\n")
refused(501, "RTSP method", "DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n")
refused(501, "RTSP method over HTTP", "PLAY / HTTP/1.1\r\nHost: a\r\n\r\n")
refused(501, "ICE method", "SOURCE / ICE/1.0\r\nHost: a\r\n\r\n")
refused(501, "gzip coding", post "Transfer-Encoding: gzip\r\n")
refused(501, "gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"))
refused(505, "HTTP/2.0", get("", "/", "2.0"))
refused(505, "HTTP/1.2", get("", "/", "1.2"))
refused(505, "HTTP/0.9 by name", get("", "/", "0.9"))
refused(505, "HTTP/9.9", get("", "/", "9.9"))
refused(505, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

incomplete("half a line", "GET / HT")
incomplete("no empty line", "GET / HTTP/1.1\r\nHost: a\r\n")
incomplete("only CR of the last", "GET / HTTP/1.1\r\nHost: a\r\n\r")
incomplete("half a body", post("Content-Length: 5\r\n", "he"))
incomplete("half a chunk", chunked "5\r\nhe")
incomplete("no last chunk", chunked "5\r\nhello\r\n")

return corpus
