-- SPDX-License-Identifier: MIT
--- Records that somebody else has written, for no stream's good: what they hold
-- forges nothing in a stream, and what does not fit is left out, not loudly.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
workers(1)
limits { event = "1k" }
local bus = kafka { brokers = "embedded" }
local t = bus:topic("t", { start = "oldest" })
local plain = channel "plain" { from = t }
local keyed = channel "keyed" { from = t, key = "k" }
route "GET /plain" { stream = plain, since = "all" }
route "GET /keyed" { stream = keyed, since = "all" }
route "GET /status" { respond = function() return 200, bus:status() end }
route "POST /t" { respond = function(request)
  local asked = request:json()
  t:publish(asked.text, { key = asked.key or "same", headers = { event = asked.event } })
  return 202
end }
]]

describe("a hostile record", function()
  after_each(server.stop_all)

  local one

  local function write(record)
    assert.equal(202, (one:request { method = "POST", path = "/t", body = cjson.encode(record) }))
  end

  local function skipped()
    local body = select(3, one:request { path = "/status" })
    for _, reader in ipairs(cjson.decode(body).consumer.topics.t) do
      if reader.reader == "channels" then return reader.skipped end
    end
  end

  it("forges no field, name or event, and is not logged each time", function()
    one = server.start { config = CONFIG }
    local clients = { sse.open { port = one.port, path = "/plain" },
      sse.open { port = one.port, path = "/keyed" } }
    for _, name in ipairs { "a\r\nid: evil", "a\ndata: evil", "gap", ("e"):rep(1025) } do
      write { text = "unnamed", event = name }
    end
    write { text = "\r\n\r\nid: evil\n\nevent: gap", event = "named" }
    for _ = 1, 3 do write { text = ("x"):rep(2000) } end
    write { text = "last" }
    for _, client in ipairs(clients) do
      local events = client:wait(6)
      for i = 1, 4 do
        assert.same({ "message", "unnamed" }, { events[i].event or "message", events[i].data })
      end
      assert.same({ "named", "\n\nid: evil\n\nevent: gap" }, { events[5].event, events[5].data })
      assert.equal("last", events[6].data)
      for i = 1, 6 do assert.equal(36, #events[i].id) end
    end
    eventually(function() return skipped() == 3 end)
    local log = one:log()
    assert.equal(1, select(2, log:gsub("are more than limits.event", "")), log)
  end)

  it("stops no channel, if the journal is too small for it or for a batch of such", function()
    local config = CONFIG:gsub('limits { event = "1k" }', 'journal { size = "1M" }')
      :gsub('{ from = t }', '{ from = t, limits = { event = "200k" } }')
    one = server.start { config = config }
    local keyed = sse.open { port = one.port, path = "/keyed" }
    local plain = sse.open { port = one.port, path = "/plain" }
    write { text = ("\n"):rep(100000) }
    for n = 1, 60 do write { text = n .. (" "):rep(9000) } end
    write { text = ("x"):rep(210000) }
    write { text = "last" }
    for _, client in ipairs { keyed, plain } do
      eventually(function()
        local events = client:events()
        return events[1] and events[#events].data == "last"
      end)
    end
    assert.equal("60", plain:events()[60].data:match "^%d+")
    assert.equal("last", plain:events()[61].data) -- over the channel's own limit
    assert.equal(62, #keyed:events())
  end)
end)
