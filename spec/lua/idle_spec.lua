-- SPDX-License-Identifier: MIT
-- Members of families that nobody uses, and when they are dropped.
local support = require "spec.lua.support"

local CONFIG = [[
listen "127.0.0.1:3000"
limits { channels = %d }
local rooms = channel "rooms/:id" { idle = "1m" }
local held
route "GET /rooms/:id" { stream = function(r) return rooms(r.params.id) end }
route "GET /list" { stream = function(r) return { held } end }
route "GET /there/:id" { respond = function(r) return 200, tostring(rooms:find(r.params.id)) end }
route "POST /rooms/:id" { respond = function(r) return 202, rooms(r.params.id):publish(1) end }
route "POST /hold/:id" { respond = function(r) held = rooms(r.params.id) return 202 end }
route "POST /held" { respond = function() return 202, held:publish(2) end }
%s
]]

describe("a member that nobody uses", function()
  local s

  local function run(limit, more)
    s = support.run(CONFIG:format(limit or 100, more or ""))
  end

  local function closed()
    return table.concat(s.core.closed, " ")
  end

  it("is dropped after its `idle`, and is there again for who asks", function()
    run()
    s.ask "POST /rooms/1"
    s.advance(60000)
    assert.equal("", closed())
    s.advance(10000)
    assert.equal("1", closed())
    assert.equal("nil", s.ask("GET /there/1").body)
    assert.equal(202, s.ask("POST /rooms/1").status)
    assert.equal(1, s.core.events[2].number)
  end)

  it("stays while it has clients, or is used", function()
    run()
    s.ask "POST /rooms/1"
    s.ask "POST /rooms/2"
    s.ask "POST /rooms/3"
    s.core.listening[1] = 1
    for _ = 1, 10 do
      s.advance(30000)
      s.ask "POST /rooms/2"
    end
    assert.equal("3", closed())
  end)

  it("goes sooner when there is little room", function()
    run(4)
    for n = 1, 3 do s.ask("POST /rooms/" .. n) end
    s.core.listening[2] = 1
    s.advance(40000)
    table.sort(s.core.closed)
    assert.equal("1 3", closed())
  end)

  it("is made again when a script has held on to it", function()
    run()
    s.ask "POST /hold/1"
    s.advance(70000)
    assert.equal("1", closed())
    assert.equal(202, s.ask("POST /held").status)
    assert.equal('channel "rooms/1"', s.ask("GET /there/1").body)
    assert.same({ 1 }, s.ask("GET /list").stream)
    s.advance(70000)
    assert.same({ 1 }, s.ask("GET /list").stream)
    assert.equal(202, s.ask("POST /held").status)
  end)

  it("and was left by an earlier brain is dropped too", function()
    local core = require("spec.lua.fake_core").new()
    core.there = { "", "rooms/1", "rooms/2", "" }
    core.listening[1] = 1
    s = support.run(CONFIG:format(100, ""), nil, core)
    s.advance(9000)
    assert.equal("", closed())
    s.advance(2000)
    assert.equal("2", closed())
  end)

  it("is only of families", function()
    assert.equal('config.lua:2: channel "x": idle: only members of a family come and go',
      support.errors('listen "127.0.0.1:3000"\nlocal x = channel "x" { idle = "5m" }\n'
        .. 'route "GET /x" { stream = x }\nevery("1s", function() x:publish(1) end)'))
  end)
end)
