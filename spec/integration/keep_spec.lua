-- SPDX-License-Identifier: MIT
--- What a reload hands on, and a crash does not.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local reloading = require "spec.integration.reloading"
local server = require "spec.support.server"

local start, text_of, open = reloading.start, reloading.text_of, reloading.open
local reload, fail = reloading.reload, reloading.fail
local times_logged = reloading.times_logged

describe("what is kept", function()
  after_each(server.stop_all)

  local kept = [[
local state = keep "state" { times = 0, list = {} }
local more = keep "more" { other = true }
route "GET /count" { respond = function()
  state.times = state.times + 1
  state.list[state.times] = { at = state.times / 3 }
  more[state.times] = "text\0with\nbytes"
  return 200, { state = state, more = #more }
end }
]]

  local function count() return cjson.decode((select(3, reloading.request { path = "/count" }))) end

  it("is handed on by a reload, and not by a crash", function()
    start(kept)
    count()
    assert.equal(2, count().state.times)
    reload("2", kept:gsub("times = 0", "fresh = 7, times = 0"))
    local after = count()
    assert.equal(3, after.state.times)
    assert.equal(3, after.more)
    assert.equal(7, after.state.fresh)
    assert.equal(2 / 3, after.state.list[2].at)
    eventually(function() return #reloading.one:children() == 3 end) -- the old one has gone
    uv.kill(reloading.pid("brain"), "sigkill")
    eventually(function() return times_logged "in charge again" == 1 end)
    assert.equal(1, count().state.times)
  end)

  it("is how the plugin ticker counts on", function()
    local ticking = [[
plugin "ticker" { channel = events, every = "50ms" }
route "GET /times" { respond = function()
  local newest = events:recent(1)[1]
  return 200, { times = newest and newest.data.payload.times or 0 }
end }
]]
    local function ticks()
      return cjson.decode((select(3, reloading.request { path = "/times" }))).times
    end
    start(ticking)
    eventually(function() return ticks() >= 3 end)
    local before = ticks()
    reload("2", ticking)
    eventually(function() return ticks() > before end)
  end)

  it("is also what hooks know of clients", function()
    local hooks = [[
local rooms = channel "rooms/:id" {}
route "GET /rooms/:id" {
  admit = function(request) request.user = { name = request.query.user } end,
  stream = function(request) return rooms(request.params.id) end,
}
on("unsubscribe", function(client, ended)
  log.info(("left: %s %s %s %s."):format(client.user.name, client.route,
    client.channels[1].name, ended.reason))
end)
]]
    start(hooks)
    local clients = {}
    for n = 1, 2 do clients[n] = open("/rooms/1?user=u" .. n) end
    for n = 2, 3 do reload(n, hooks) end
    clients[1]:close()
    eventually(function()
      return times_logged "left: u1 GET /rooms/:id rooms/1 closed." == 1
    end)
    for _, worker in ipairs { "worker 0", "worker 1" } do
      uv.kill(reloading.pid(worker), "sigkill")
    end
    eventually(function()
      return times_logged "left: u2 GET /rooms/:id rooms/1 lost." == 1
    end)
    assert.equal(2, times_logged "left:")
  end)

  it("goes on in the old brain if the new one fails", function()
    start(kept .. 'supervise { brain_timeout = "500ms" }')
    assert.equal(1, count().state.times)
    fail(text_of("2", 'task(function() while true do end end)'))
    assert.equal(2, count().state.times)
  end)

  it("is plain values, and said so", function()
    start(kept .. 'route "GET /spoil" { respond = function() state.f = print return 204 end }')
    assert.truthy(fail(text_of("2", 'keep "x" { f = print }'))
      :find('keep "x": it.f is a function, which cannot be kept', 1, true))
    assert.equal(204, (reloading.request { path = "/spoil" }))
    reload("2", kept)
    assert.equal(1, times_logged 'keep "state": is not handed on: it.f is a function')
    assert.equal(1, count().state.times)
  end)
end)
