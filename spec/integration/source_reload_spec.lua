-- SPDX-License-Identifier: MIT
--- A topic is read on over reloads, good and failing ones, while records come:
-- each record once and in order, in every stream.
local cjson = require "cjson"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
listen "127.0.0.1:$PORT"
workers(1)
local bus = kafka { brokers = "$BROKERS" }
local seen = channel "seen" { replay = "all" }
local live = channel "live" { replay = "all", from = bus:topic("$LIVE", { start = "oldest" }) }
bus:topic("$TOPIC", { start = "oldest" }):on("record", function(record)
  seen:publish(record.text)
end)
local totals = aggregate "totals" {
  from = bus:topic "$TOPIC", fold = { n = count(), all = sum "n" },
}
route "GET /seen" { stream = seen, since = "all" }
route "GET /live" { stream = live, since = "all" }
route "GET /totals" { respond = function() return 200, totals:value() end }
]]

local broker, why = kafka.shared()
if not broker then
  describe("a source over reloads", function() pending(why) end)
  return
end

local RECORDS = 1500

describe("a source over reloads", function()
  after_each(server.stop_all)

  it("reads each record once and in order", function()
    local topics = { broker:topic(), broker:topic() }
    local port = server.free_port()
    local text = CONFIG:gsub("%$(%u+)", { BROKERS = broker.address, TOPIC = topics[1],
      LIVE = topics[2], PORT = port })
    local one = server.start { config = text, port = port }
    local streams = { sse.open { port = port, path = "/seen" },
      sse.open { port = port, path = "/live" } }
    local writers = {}
    for i, topic in ipairs(topics) do
      writers[i] = process.start("kcat", { "-P", "-b", broker.address, "-t", topic, "-p", "0",
        "-X", "queue.buffering.max.ms=5" })
    end
    local written, timer = 0, uv.new_timer()
    timer:start(0, 20, function()
      for _ = 1, 10 do
        if written < RECORDS then
          written = written + 1
          for _, writer in ipairs(writers) do writer:write(('{"n":%d}\n'):format(written)) end
        end
      end
    end)
    assert.equal(0, one:reload(text).code, one:log())
    assert.equal(1, one:reload(text .. "channel 5").code)
    assert.equal(0, one:reload(text .. 'every("1h", function() end)').code, one:log())
    eventually(function() return written == RECORDS end)
    timer:close()
    for _, writer in ipairs(writers) do
      writer:end_input()
      writer:wait()
    end
    for _, stream in ipairs(streams) do
      eventually(function()
        return #stream:events() >= RECORDS or error("has " .. #stream:events() .. one:log())
      end)
      for i, event in ipairs(stream:events()) do
        assert.equal(i, cjson.decode(event.data).n)
      end
      stream:close()
    end
    eventually(function()
      local _, _, body = one:request { path = "/totals" }
      local totals = cjson.decode(body)
      return totals.n == RECORDS and totals.all == RECORDS * (RECORDS + 1) / 2 or error(body)
    end)
  end)

  -- What is remembered of a cluster goes by its name, not by its place in the file.
  it("goes on where it was when another cluster is put before", function()
    local topics, port = { broker:topic(), broker:topic(1) }, server.free_port()
    local text = ([[
listen "127.0.0.1:$PORT"
workers(1)
local bus = kafka { name = "main", brokers = "$BROKERS" }
local seen = channel "seen" { replay = "all" }
local out = channel "out" { into = bus:topic("$OUT", { partitions = 1 }) }
bus:topic("$TOPIC", { start = "oldest" }):on("record", function(record)
  seen:publish(record.text)
end)
route "GET /seen" { stream = seen, since = "all" }
route "POST /out" { respond = function(request) return 202, out:publish(request.body) end }
]]):gsub("%$(%u+)", { BROKERS = broker.address, TOPIC = topics[1], OUT = topics[2],
      PORT = port })
    local one = server.start { config = text, port = port }
    local stream = sse.open { port = port, path = "/seen" }
    local published, written = 0, {}
    local function more()
      for _ = 1, 50 do
        published = published + 1
        assert.equal(202, one:request { method = "POST", path = "/out", body = published .. "" })
        written[published] = published .. ""
      end
      kafka.produce(broker.address, topics[1], { unpack(written, published - 49) },
        { partition = 0 })
      eventually(function()
        local copied = kafka.read(broker.address, topics[2])
        return #stream:events() >= published and #copied >= published
          or error(#stream:events() .. " seen, " .. #copied .. " copied\n" .. one:log())
      end)
      for i, event in ipairs(stream:events()) do assert.equal(i, tonumber(event.data)) end
      for i, record in ipairs(kafka.read(broker.address, topics[2])) do
        assert.equal(i .. "", record.text)
      end
    end
    more()
    local before = 'local other = kafka { brokers = "embedded" }\n'
      .. 'local e = channel "e" { from = other:topic "t", into = other:topic "u" }\n'
      .. 'route "GET /e" { stream = e }\n'
    for _, config in ipairs { before .. text, text } do
      local run = one:reload(config)
      assert.equal(0, run.code, run.out .. run.err .. one:log())
      more()
      -- Its new address is of no interest to the other cluster's sources.
      local embedded = one:children "kafka (embedded)"
      if embedded then
        uv.kill(embedded.pid, "sigkill")
        eventually(function()
          local again = one:children "kafka (embedded)"
          return again and again.pid ~= embedded.pid
        end)
        for _ = 1, 5 do more() end
      end
    end
    assert.equal(published, #kafka.read(broker.address, topics[2]))
    assert.equal(published, #stream:events())
    stream:close()
  end)

  it("says in `stentor status` where the embedded one is", function()
    local one = server.start 'kafka { brokers = "embedded" }'
    local run = server.run({ "status", "config.lua" }, { cwd = one.folder })
    local address = run.out:match "brokers +([%d.:]+)\n"
    assert.truthy(address, run.out .. run.err)
    assert.truthy(run.out:find "embedded +true")
    assert.equal(0, process.run("kcat", { "-b", address, "-L" }).code)
  end)
end)
