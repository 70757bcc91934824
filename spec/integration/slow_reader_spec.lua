-- SPDX-License-Identifier: MIT
--- A few clients that read a byte a second, among hundreds: the others get all
-- of it in order, whatever becomes of the slow ones. (How late they get it is
-- for the bench: spec/bench/scenarios/slow.lua.)
local cjson = require "cjson"
local server = require "spec.support.server"

local config = [[
workers(1)
journal { size = "8M" }
limits { client_lag = "64k", client_lag_time = "1s" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all", key = "sequence" }
route "GET /%s" { stream = events, lagging = "%s" }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
]]

describe("slow readers among many", function()
  after_each(server.stop_all)

  for _, lagging in ipairs { "disconnect", "skip", "conflate" } do
    it(("cost the others nothing, where they %s"):format(lagging), function()
      local one = server.start(config:format(lagging, lagging))
      local ran = server.run({ "load", one.url .. "/" .. lagging, "--connections=300",
        "--slow=3%", "--publish=/publish", "--rate=40", "--size=8000", "--duration=2s", "--json",
        "--threshold=first_byte_p95=60s", "--threshold=first_event_p95=60s" })
      assert.equal(0, ran.code, ran.out .. ran.err)
      local report = cjson.decode(ran.out)
      local got = report.deliveries
      assert.same({ 0, 0, 0, 0 }, { got.lost, got.duplicated, got.reordered, got.gaps })
      assert.equal(report.published.accepted * 291, got.count)
    end)
  end
end)
