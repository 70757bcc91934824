-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local HEAD = 'listen "127.0.0.1:3000"\nlocal e = channel "e" { replay = 5 }\n'
  .. "every('1h', function() e:publish(1) end)\n"

local function route(body)
  return support.run(HEAD .. 'route "GET /x" { respond = function(request)\n'
    .. body .. '\nend }\nroute "GET /e" { stream = e }')
end

local function stream(body)
  return support.run(HEAD .. 'route "GET /x/:id" { stream = function(request)\n'
    .. body .. '\nend }\nroute "GET /e" { stream = e }')
end

describe("an answer", function()
  it("is status, body, headers", function()
    local answer = route("return 201, { b = 1, a = {} },"
      .. ' { ["X-Y"] = "v", ["Set-Cookie"] = { "a=1", "b=2" } }').ask("GET /x")
    assert.are.equal(201, answer.status)
    assert.are.equal('{"a":{},"b":1}', answer.body)
    assert.are.equal(4, answer.count)
    assert.matches("Content-Type\0application/json\0", answer.headers, 1, true)
    assert.matches("Set-Cookie\0a=1\0Set-Cookie\0b=2\0", answer.headers, 1, true)
  end)

  it("has a type for texts, unless it brings one", function()
    assert.are.equal("Content-Type\0text/plain; charset=utf-8\0",
      route('return 200, "hi"').ask("GET /x").headers)
    assert.are.equal("content-type\0text/html\0",
      route('return 200, "hi", { ["content-type"] = "text/html" }')
        .ask("GET /x").headers)
    assert.are.equal("", route("return 204").ask("GET /x").headers)
  end)

  it("may come later, or be thrown", function()
    assert.same({ later = 30000 }, route('return later "30s"').ask("GET /x"))
    assert.same({ later = 5000 }, route('error(later "5s")').ask("GET /x"))
    assert.are.equal(400, route("request:json()").ask("GET /x").status)
  end)

  for body, log in pairs {
    ["return"] = "nothing was returned",
    ['return "hello"'] = "a string was returned",
    ["return 99"] = "between 200 and 599",
    ["e.publish(1)"] = "config.lua:5: publish: write it with a colon",
    ["request.json()"] = "config.lua:5: json: write it with a colon",
    ["return 200, print"] = "a function cannot be JSON",
    ["return 200, { e }"] = 'channel "e" cannot be JSON',
    ["return 200, request"] = "a request cannot be JSON",
    ["e:publish(1) return 200, e:recent()"] = "an event cannot be JSON: take out",
    ["return 200, {}, 3"] = "headers must be a table",
    ["return 200, '', { a = true }"] = "header a",
    ["local x = request.none.z"] = "config.lua:5: attempt to index",
    ['channel "x" {}'] = '"channel" declares',
    ["e:publish(1, { evnt = 1 })"] = 'unknown option "evnt", did you mean "event"',
    ['e:publish(1, { event = "gap" })'] = "reserved",
    ["e:publish(print)"] = "a function cannot be JSON",
    ["json.encode(print)"] = "a function cannot be JSON",
    ["sleep('x')"] = "expected a duration",
    ["coroutine.wrap(function() sleep(1) end)()"] = "use task",
  } do
    it("of a broken handler is 500, with a log line: " .. body, function()
      local s = route(body)
      assert.are.equal(500, s.ask("GET /x").status)
      assert.matches(log, s.core:log_text(), 1, true)
      assert.matches("config.lua:4", s.core:log_text(), 1, true)
      assert.are.equal(1, s.server.counters.errors)
      assert.is_nil(s.ask("GET /e").status)
    end)
  end

  it("of a handler that breaks again and again is not always logged", function()
    local s = route("error 'broken'")
    for _ = 1, 30 do assert.are.equal(500, s.ask("GET /x").status) end
    assert.are.equal(10, select(2, s.core:log_text():gsub("route.-broken", "")))
    s.advance(1000)
    assert.matches('route "GET /x" (', s.core:log_text(), 1, true)
    assert.matches("20 more failures in that second", s.core:log_text(), 1, true)
    assert.are.equal(30, s.server.counters.errors)
    s.ask("GET /x")
    assert.are.equal(11, select(2, s.core:log_text():gsub("route.-broken", "")))
  end)

  it("waits with its handler", function()
    local s = route('sleep "2s"\nreturn 200, request.path .. request.body')
    s.core:request("GET /x", { body = "!" })
    local second = s.core:request("GET /x")
    s.pump()
    s.advance(1999)
    assert.is_nil(s.core.answers[second])
    s.advance(1)
    assert.are.equal("/x!", s.core.answers[second - 1].body)
    assert.are.equal("/x", s.core.answers[second].body)
  end)

  it("is a refusal when too many handlers wait", function()
    local s = support.run(HEAD .. 'limits { handlers = 2 }\nroute "GET /x" '
      .. '{ respond = function() sleep "1s" return 200 end }\n'
      .. 'route "GET /e" { stream = e }')
    for _ = 1, 3 do s.core:request("GET /x") end
    s.pump()
    assert.same({ later = 1000 }, s.core.answers[3])
    s.advance(1000)
    assert.are.equal(200, s.core.answers[2].status)
    s.core:request("GET /x")
    s.pump()
    s.advance(1000)
    assert.are.equal(200, s.core.answers[4].status)
  end)

  it("is silent for a client that has gone", function()
    local s = route("return 200")
    s.core.fails.respond = { name = "EGONE", message = "gone" }
    s.ask("GET /x")
    assert.are.equal("", s.core:log_text())
  end)
end)

describe("a stream", function()
  it("is what the function returns", function()
    assert.same({ 1 }, stream("return e").ask("GET /x/1").stream)
    assert.same({ 1 }, stream("return { e, e }").ask("GET /x/1").stream)
    local answer = stream('return e, { since = 7, retry = "2s" }').ask("GET /x/1")
    assert.same({ 1, 7, 2000 }, { answer.since, answer.value, answer.retry_ms })
    assert.are.equal(403, stream('return 403, "no"').ask("GET /x/1").status)
    assert.are.equal(60000, stream('return later "1m"').ask("GET /x/1").later)
  end)

  it("begins where the query says", function()
    local s = route("return e")
    local rows = { ["50"] = { 1, 50 }, ["10s"] = { 2, 10000 }, all = { 3, 0 },
      now = { 0, 0 } }
    for text, expected in pairs(rows) do
      local answer = s.ask("GET /e?since=" .. text)
      assert.same(expected, { answer.since, answer.value })
    end
    assert.are.equal(400, s.ask("GET /e?since=nonsense").status)
    assert.same({ 1 }, s.ask("GET /e?x=1").stream)
  end)

  for body, log in pairs {
    ["return"] = "nothing was returned: return a channel, a status",
    ["return {}"] = "a table without channels",
    ["return { e, 3 }"] = "entry 2",
    ["return print"] = "expected a channel",
    ["return e, { sinze = 1 }"] = 'did you mean "since"',
    ["return e, { since = {} }"] = "since: expected",
  } do
    it("of a broken function is 500: " .. body, function()
      local s = stream(body)
      assert.are.equal(500, s.ask("GET /x/1").status)
      assert.matches(log, s.core:log_text(), 1, true)
    end)
  end

  it("leaves the head that answers HEAD to the worker", function()
    local s = route("return 200")
    assert.are.same({ 1 }, s.ask("HEAD /e").stream)
    assert.are.same({ 1 }, s.ask("HEAD /e?since=1").stream)
  end)
end)

describe("what is not there", function()
  it("has its own answers", function()
    local s = route("return 200")
    assert.are.equal(404, s.ask("GET /none").status)
    assert.are.equal(400, s.ask("GET /%zz").status)
    local answer = s.ask("POST /x")
    assert.are.equal(405, answer.status)
    assert.matches("Allow\0GET, HEAD, OPTIONS\0", answer.headers, 1, true)
    assert.are.equal(204, s.ask("OPTIONS /x").status)
  end)
end)
