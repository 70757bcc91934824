-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"
local json = require "stentor.json"

describe("health", function()
  it("says that the server runs, and what it serves", function()
    local s = support.run [==[
      listen "127.0.0.1:3000"
      route "GET /x" { respond = function() return 200 end }
      plugin "health" { path = "/" }
      route "POST /y" { respond = function() return 200 end }
    ]==]
    s.advance(5000)
    local answer = s.ask("GET /")
    assert.are.equal(200, answer.status)
    assert.same({ status = "ok", uptime = 5,
      endpoints = { "GET /x", "GET /", "POST /y" },
      counters = { accepted = 3, errors = 0, handlers_full = 0, body_too_long = 0,
        hooks_dropped = 0 } }, json.decode(answer.body))
  end)
end)
