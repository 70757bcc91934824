-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

describe("ticker", function()
  it("publishes the time and a counter", function()
    local s = support.run [==[
      listen "127.0.0.1:3000"
      local events = channel "events" {}
      route "GET /events" { stream = events }
      plugin "ticker" { channel = events, every = "1s" }
    ]==]
    s.advance(2000)
    assert.are.equal(2, #s.core.events)
    assert.are.equal('{"payload":{"date":1700000002000,"times":2}}',
      s.core.events[2].data)
  end)
end)
