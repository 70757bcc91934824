-- SPDX-License-Identifier: MIT
--- librdkafka is only there where it is called.
local server = require "spec.support.server"

local function has_it(pid)
  local file = assert(io.open(("/proc/%d/maps"):format(pid)))
  local maps = file:read "*a"
  file:close()
  return maps:find("librdkafka", 1, true) ~= nil
end

local routes = [[
workers(1)
route "GET /" { respond = function() return 200 end }
]]

describe("librdkafka", function()
  after_each(server.stop_all)

  it("is not loaded where there is no Kafka", function()
    local one = server.start(routes)
    for _, role in ipairs { "worker 0", "brain" } do
      assert.is_false(has_it(one:children(role).pid), role)
    end
  end)

  it("is loaded by those who have to do with it", function()
    local one = server.start(routes .. [[
local bus = kafka { brokers = "embedded" }
local events = channel "events" { into = bus:topic "events" }
every("1h", function() events:publish "x" end)
]])
    assert.is_true(has_it(one:children("brain").pid))
    assert.is_true(has_it(one:children("kafka (embedded)").pid))
    assert.is_false(has_it(one:children("worker 0").pid))
    assert.is_false(has_it(one.pid))
  end)
end)
