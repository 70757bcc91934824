-- SPDX-License-Identifier: MIT
--- All clients are closed at the same moment and come back at the same moment:
-- each goes on where it was, nobody is refused, dropped or left waiting. With
-- 45,000 of them it is the scenario `storm` of the bench.
local cjson = require "cjson"
local server = require "spec.support.server"

describe("a reconnect storm", function()
  after_each(server.stop_all)

  it("of a thousand clients ends within seconds, and loses nothing", function()
    local one = server.start [[
      workers(2)
      plugin "health" { path = "/health" }
      local events = channel "events" { replay = "all" }
      route "GET /events" { stream = events }
      route "POST /publish" { respond = function(request)
        return 202, { id = events:publish(request.body) }
      end }
    ]]
    local run = server.run { "load", one.url .. "/events", "--publish=/publish", "--rate=20",
      "--connections=1000", "--in-flight-connects=1000", "--storm=1s", "--resume", "--duration=3s",
      "--timeout=20s", "--json", "--threshold=back_max=5s", "--threshold=success=100%",
      "--threshold=errors=0", "--threshold=gaps=0" }
    local report = cjson.decode(run.out)
    assert.equal(0, run.code, run.out)
    assert.equal(1000, report.connections.resumed)
    assert.equal(1000, report.back_ms.count)
    local _, _, body = one:request { path = "/health" }
    local counters = cjson.decode(body).counters
    assert.equal(1000, counters.streams_resumed)
    assert.same({ 0, 0, 0 }, { counters.refused_full, counters.unanswered, counters.closed_error })
  end)
end)
