-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local HEAD = 'listen "127.0.0.1:3000"\nlocal e = channel "e" {}\n'
  .. "every('1h', function() e:publish(1) end)\n"

local function run(gates, more)
  return support.run(HEAD .. gates .. '\nroute "GET /e" { stream = e }\n'
    .. 'route "GET /x" { respond = function(r) return 200, r.user end }\n'
    .. (more or ""))
end

describe("a gate", function()
  it("lets pass by returning nothing, and may set things", function()
    local s = run('admit(function(r) r.user = "eva" '
      .. 'r.reply_headers = { ["X-Y"] = "z" } end)')
    assert.are.equal("eva", s.ask("GET /x").body)
    assert.matches("X-Y\0z\0", s.ask("GET /x").headers, 1, true)
    assert.are.equal("X-Y\0z\0", s.ask("GET /e").headers)
    assert.matches("X-Y\0z\0", s.ask("OPTIONS /e").headers, 1, true)
  end)

  it("refuses like a handler, and by throwing", function()
    for text, status in pairs { ['return 401, "who?"'] = 401,
      ['error "oops"'] = 500, ["return false"] = 500, ["return {}"] = 500,
      ["r:json()"] = 400 } do
      local s = run("admit(function(r) " .. text .. " end)")
      assert.are.equal(status, s.ask("GET /e").status)
      assert.are.equal(status, s.ask("GET /x").status)
    end
    assert.are.equal(5000, run('admit { function() return later "5s" end }')
      .ask("GET /e").later)
  end)

  it("may stand before one route, in a list, and may wait", function()
    local s = run("", 'local function slow() sleep "1s" end\n'
      .. 'local function no() return 403, "no" end\n'
      .. 'route "GET /y" { stream = e, admit = { slow, no } }\n'
      .. 'route "GET /z" { stream = e, admit = slow }')
    assert.same({ 1 }, s.ask("GET /e").stream)
    local first, second = s.core:request("GET /y"), s.core:request("GET /z")
    s.pump()
    assert.is_nil(s.core.answers[first])
    s.advance(1000)
    assert.are.equal(403, s.core.answers[first].status)
    assert.same({ 1 }, s.core.answers[second].stream)
  end)

  it("is checked", function()
    assert.are.equal("config.lua:2: admit: expected a function (a gate) or a "
      .. "list of them, got 3", support.errors(
      'listen "127.0.0.1:3000"\nadmit(3)'))
  end)
end)

describe("a channel's gate", function()
  local function publish(gate, body)
    local s = support.run('listen "127.0.0.1:3000"\nlocal e = channel "e" { '
      .. 'key = "k", admit = function(event) ' .. gate .. " end }\n"
      .. 'route "GET /e" { stream = e }\nroute "POST /e" { respond = '
      .. "function(r) return 202, { id = e:publish(r:json()) } end }")
    return s.ask("POST /e", { body = body or '{"k":"a"}' }), s.core.events[1], s
  end

  it("may change the event", function()
    local _, event = publish 'event.data.k = "b" event.event = "n"'
    assert.same({ '{"k":"b"}', "b", "n" }, { event.data, event.key, event.name })
    _, event = publish 'event.text = "plain"'
    assert.are.equal("plain", event.data)
    _, event = publish ""
    assert.are.equal('{"k":"a"}', event.data)
  end)

  it("may refuse, and may not wait", function()
    local answer, event = publish 'return 422, "no"'
    assert.are.equal(422, answer.status)
    assert.are.equal("no\n", answer.body)
    assert.are.equal("no\n", publish('return 422, "no\\n"').body)
    assert.is_nil(event)
    assert.are.equal(9000, publish('return later "9s"').later)
    local _, _, s = publish 'sleep "1s"'
    assert.matches("may not wait", s.core:log_text())
  end)
end)
