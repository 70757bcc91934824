-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local LISTEN = 'listen "127.0.0.1:3000"\n'

local function run(settings, more, core)
  return support.run(LISTEN .. 'local e = channel "e" {' .. settings .. "}\n"
    .. 'route "GET /e" { stream = e }\nroute "POST /e" { respond = '
    .. "function(r) return 202, { id = e:publish(r:json(), r.query.event and "
    .. "{ event = r.query.event }) } end }\n" .. (more or ""), nil, core)
end

describe("a channel", function()
  it("publishes texts as they are and all else as JSON", function()
    local s = run "replay = '10m'"
    assert.same({ { name = "e", ms = 600000 } }, s.core.made)
    s.ask("POST /e", { body = '"plain"' })
    s.ask("POST /e?event=tick", { body = '{"b":[],"a":null}' })
    assert.are.equal("plain", s.core.events[1].data)
    assert.are.equal('{"a":null,"b":[]}', s.core.events[2].data)
    assert.are.equal("tick", s.core.events[2].name)
  end)

  it("refuses what is too big as the client's fault", function()
    local s = run ""
    s.core.fails.publish = { name = "ETOOBIG", message = "too big" }
    local answer = s.ask("POST /e", { body = '"' .. ("1"):rep(256 * 1024 + 1) .. '"' })
    assert.are.equal(413, answer.status)
    assert.matches("limits.event (262144 bytes)", answer.body, 1, true)
    answer = s.ask("POST /e", { body = "1" })
    assert.are.equal(413, answer.status)
    assert.matches("than a quarter of journal.size (67108864 bytes)", answer.body, 1, true)
    answer = s.ask("POST /e?event=" .. ("x"):rep(1025), { body = "1" })
    assert.are.equal(413, answer.status)
    assert.matches("name or key is longer than 1024", answer.body, 1, true)
    s.core.fails.publish = { name = "ESYSTEM", message = "no" }
    assert.are.equal(503, s.ask("POST /e", { body = "1" }).status)
  end)

  it("knows its recent events", function()
    local s = run("", 'route "GET /r" { respond = function() local list = {} '
      .. "for i, event in ipairs(e:recent(2)) do list[i] = { event.data, "
      .. "event.event or '', event.id } end return 200, list end }")
    for i = 1, 3 do
      s.ask("POST /e?event=n", { body = '{"i":' .. i .. "}" })
    end
    assert.are.equal('[[{"i":2},"n","id-2"],[{"i":3},"n","id-3"]]',
      s.ask("GET /r").body)
  end)

  it("sends newcomers the latest event of each key", function()
    local s = run "latest = true, key = 'k'"
    s.ask("POST /e", { body = '{"k":"a","v":1}' })
    s.ask("POST /e", { body = '{"k":"b","v":2}' })
    s.ask("POST /e", { body = '{"k":"a","v":3}' })
    local preface = 'id: id-2\ndata: {"k":"b","v":2}\n\n'
      .. 'id: id-3\ndata: {"k":"a","v":3}\n\n'
    assert.are.equal(preface, s.ask("GET /e").preface)
    -- A new brain has it from the journal.
    local again = require("spec.lua.fake_core").new()
    again.events = s.core.events
    assert.are.equal(preface, run("latest = true, key = 'k'", "", again)
      .ask("GET /e").preface)
  end)

  it("shares the room for the latest among a stream's channels", function()
    local s = support.run([[listen "127.0.0.1:1"
limits { response = "1000" }
local a = channel "a" { latest = true, key = "k" }
local b = channel "b" { latest = true, key = "k" }
local c = channel "c" {}
route "GET /all" { stream = { a, b, c } }
route "POST /a" { respond = function(r) a:publish(r:json()) return 202 end }
route "POST /b" { respond = function(r) b:publish(r:json()) return 202 end }
route "POST /c" { respond = function(r) c:publish(r:json()) return 202 end }]])
    s.ask("POST /b", { body = '{"k":"b1"}' })
    for i = 1, 50 do
      s.ask("POST /a", { body = ('{"k":"a%d"}'):format(i) })
      if i == 20 then
        local all = s.ask("GET /all").preface
        for _, key in ipairs { '"a1"', '"a20"', '"b1"' } do
          assert.matches(key, all, 1, true)
        end
      end
    end
    local preface = s.ask("GET /all").preface
    assert.is_true(#preface <= 1000 and #preface > 900)
    assert.matches('"b1"', preface, 1, true)
    assert.matches('"a50"', preface, 1, true)
    assert.not_matches('"a1"', preface, 1, true)
  end)

  it("without a key has one latest event", function()
    local s = run "latest = true"
    s.ask("POST /e", { body = "1" })
    s.ask("POST /e", { body = "2" })
    assert.are.equal("id: id-2\ndata: 2\n\n", s.ask("GET /e").preface)
  end)
end)

describe("a family", function()
  local s

  before_each(function()
    s = support.run(LISTEN .. 'local rooms = channel "rooms/:id" { replay = 3 }\n'
      .. 'route "GET /r/:id" { stream = function(r) return rooms(r.params.id) end }'
      .. '\nroute "GET /f/:id" { respond = function(r) return 200, '
      .. "tostring(rooms:find(r.params.id)) end }\n"
      .. 'rooms:on("publish", function(event) log.info("told", '
      .. "{ name = event.channel.name }) end)\n"
      .. 'route "POST /r/:id" { respond = function(r) '
      .. "return 202, rooms(r.params.id):publish(1) end }\n"
      .. 'on("publish", function() log.info "once" end)')
  end)

  it("makes members on first use", function()
    assert.are.equal("nil", s.ask("GET /f/1").body)
    assert.same({ 1 }, s.ask("GET /r/1").stream)
    assert.same({ 2 }, s.ask("GET /r/2").stream)
    assert.same({ 1 }, s.ask("GET /r/1").stream)
    assert.are.equal('channel "rooms/1"', s.ask("GET /f/1").body)
  end)

  it("refuses names that leave it, and too many", function()
    assert.are.equal(400, s.ask("GET /r/a%2Fb").status)
    s.core.fails.channel = { name = "EFULL", message = "full" }
    assert.are.equal(30000, s.ask("GET /r/9").later)
  end)

  it("shares its hooks with its members, each told once", function()
    s.ask("POST /r/7")
    assert.are.equal("told name=rooms/7\nonce", s.core:log_text())
  end)
end)
