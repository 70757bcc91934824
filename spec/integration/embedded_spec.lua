-- SPDX-License-Identifier: MIT
--- brokers = "embedded": a Kafka in a process of the server's own.
local cjson = require "cjson"
local uv = require "luv"
local count = require "spec.support.count"
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local CONFIG = [[
workers(1)
local bus = kafka { brokers = "embedded" }
local events = channel "events" { replay = "all", into = bus:topic "events" }
local back = channel "back" { replay = "all", from = bus:topic("events", { start = "oldest" }) }
route "GET /back" { stream = back, since = "all" }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "GET /status" { respond = function() return 200, bus:status() end }
]]

local ROLE = "kafka (embedded)"
local one

local function status()
  local code, _, body = one:request { path = "/status" }
  assert.equal(200, code)
  return cjson.decode(body)
end

local function publish(from, to)
  for i = from, to do
    assert.equal(202, (one:request { method = "POST", path = "/publish", body = tostring(i) }))
  end
end

local function texts(stream)
  local list = {}
  for i, event in ipairs(stream:events()) do
    list[i] = event.event == "gap" and "gap" or event.data
  end
  return list
end

local function texts_from(first, last) return count(first, last, tostring) end

local function await(stream, list)
  eventually(function()
    return #stream:events() >= #list or error(table.concat(texts(stream), " ") .. one:log())
  end)
  assert.same(list, texts(stream))
end

-- Kills a process of the server's and waits for the next of its role.
local function kill(role)
  local before = one:children(role).pid
  uv.kill(before, "sigkill")
  eventually(function()
    local now = one:children(role)
    return now and now.pid ~= before and pcall(status)
  end)
end

describe("the embedded Kafka", function()
  before_each(function() one = server.start(CONFIG) end)
  after_each(server.stop_all)

  it("says what it is, and where", function()
    local now = status()
    assert.is_true(now.embedded)
    assert.truthy(one:log():find("for development only", 1, true))
    assert.truthy(one:log():find("kcat -b " .. now.brokers .. " -L", 1, true))
    publish(1, 3)
    eventually(function() return #kafka.read(now.brokers, "events") == 3 end)
    assert.equal("events", kafka.read(now.brokers, "events")[1].key)
  end)

  -- Where it is, and all that it holds, while `happen` happens.
  local function keeps_all_while(happen)
    local stream = sse.open { port = one.port, path = "/back" }
    publish(1, 20)
    await(stream, texts_from(1, 20))
    local address = status().brokers
    happen()
    assert.equal(address, status().brokers)
    publish(21, 40)
    await(stream, texts_from(1, 40))
    assert.equal(40, #kafka.read(address, "events"))
    stream:close()
  end

  it("keeps what it has when the brain dies", function()
    keeps_all_while(function() kill "brain" end)
  end)

  it("keeps what it has over a reload", function()
    keeps_all_while(function()
      local run = one:reload(CONFIG .. [[
route "GET /more" { respond = function() return 200, "more" end }
]])
      assert.equal(0, run.code, run.out .. run.err)
      assert.equal(200, (one:request { path = "/more" }))
    end)
  end)

  it("is started again when it dies itself, empty, and that is said", function()
    local stream = sse.open { port = one.port, path = "/back" }
    publish(1, 20)
    await(stream, texts_from(1, 20))
    local address = status().brokers
    kill(ROLE)
    eventually(function() return status().brokers ~= address and status().brokers ~= "" end)
    assert.truthy(one:log():find("all that it held is lost", 1, true))
    publish(21, 25)
    eventually(function()
      local list = texts(stream)
      return list[#list] == "25" or error(table.concat(list, " ") .. "\n" .. one:log())
    end)
    eventually(function()
      local now = status()
      return now.producer.connected and now.consumer.connected
    end)
    stream:close()
  end)
end)
