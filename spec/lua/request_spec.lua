-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local fake = require "spec.lua.fake_core"
local refusal = require "stentor.refusal"
local request = require "stentor.request"

local function request_of(line, options)
  local core = fake.new()
  core:request(line, options)
  local item = core.next()
  return request.new({ core = core, load = core.load }, item, item.method.bytes,
    item.path.bytes, nil)
end

local function refused(fn)
  local ok, problem = pcall(fn)
  assert.is_false(ok)
  assert.is_true(refusal.is(problem))
  return problem.status
end

describe("a request", function()
  it("has a decoded query, and every value of a repeated name", function()
    local asked = request_of("GET /x?a=1&b=x%20y+z&a=2&flag&%C3%BC=u")
    assert.are.equal("1", asked.query.a)
    assert.are.equal("x y z", asked.query.b)
    assert.are.equal("", asked.query.flag)
    assert.are.equal("u", asked.query["ü"])
    assert.same({ "1", "2" }, asked:all("a"))
    assert.same({}, asked:all("none"))
  end)

  it("refuses a malformed query only when it is read", function()
    local asked = request_of("GET /x?a=%zz")
    assert.are.equal(400, refused(function() return asked.query end))
  end)

  it("joins repeated headers, cookies their own way", function()
    local asked = request_of("GET /x", { headers = { { "accept", "a" },
      { "cookie", "a=1" }, { "accept", "b" }, { "cookie", 'b="2"; c = x ' },
      { "x-empty", "" } } })
    assert.are.equal("a, b", asked.headers.accept)
    assert.are.equal("a, b", asked.headers["Accept"])
    assert.are.equal("", asked.headers["x-empty"])
    assert.is_nil(asked.headers.none)
    assert.same({ a = "1", b = "2", c = "x" }, asked.cookies)
  end)

  it("reads cookies in one pass, whatever they are", function()
    local began = os.clock()
    for _, text in ipairs { ("a"):rep(100000), "a=b" .. (" "):rep(100000) .. "c",
      ("a"):rep(50000) .. (" "):rep(50000) .. "b", ("="):rep(100000),
      (" "):rep(100000), ('"'):rep(100000), (";"):rep(100000) } do
      request.cookies(text)
    end
    assert.is_true(os.clock() - began < 1)
    assert.same({ a = "", b = "1=2", c = '"', d = "" }, request.cookies(
      ' a ; a = ; =x;b=1=2 ; c=" ;d="";;e f=1;b=3;'))
  end)

  it("reads JSON and forms, and refuses what is none", function()
    assert.same({ a = 1 }, request_of("POST /x", { body = '{"a":1}' }):json())
    assert.are.equal(400, refused(function()
      request_of("POST /x", { body = "{" }):json()
    end))
    assert.are.equal(400, refused(function() request_of("POST /x"):json() end))
    local form = { body = "a=1&b=%26", headers = { { "content-type",
      "application/x-www-form-urlencoded; charset=utf-8" } } }
    assert.same({ a = "1", b = "&" }, request_of("POST /x", form):form())
    form.body = ("a&"):rep(10001)
    assert.are.equal(400, refused(function()
      request_of("POST /x", form):form()
    end))
    form.body = "a=%"
    assert.are.equal(400, refused(function()
      request_of("POST /x", form):form()
    end))
    assert.are.equal(400, refused(function()
      request_of("POST /x", { body = "a=1" }):form()
    end))
  end)

  it("has its parameters, address and the load", function()
    local asked = request_of("GET /x")
    assert.same({}, asked.params)
    assert.are.equal("127.0.0.1", asked.address)
    assert.are.equal(0.5, asked.load)
    assert.is_nil(asked.user)
  end)
end)
