-- SPDX-License-Identifier: MIT
--- The config that comes along, as the README tells it, with clients that
-- people have: curl, npm's EventSource, a browser's own.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local node = require "spec.support.node"
local process = require "spec.support.process"
local server = require "spec.support.server"
local uv = require "luv"

local uuid = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-8%x%x%x%-[89ab]%x%x%x%-" .. ("%x"):rep(12) .. "$"
local one

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function curl(...)
  local done = process.run("curl", { "-sS", ... })
  return done.out, done
end

local function publish(text)
  local out = curl("-d", cjson.encode { text = text }, one.url .. "/publish")
  return cjson.decode(out).id
end

-- The texts of what was published, among the ticks.
local function texts(lines)
  local list = {}
  for _, line in ipairs(lines) do
    local data = line.type == "message" and cjson.decode(line.data)
    if data and data.text then list[#list + 1] = data.text end
  end
  return list
end

local function kill_workers()
  for _, child in ipairs(one:children()) do
    if child.role:find "^worker" then uv.kill(child.pid, "sigkill") end
  end
  eventually(function() return pcall(publish, "meanwhile") end)
end

describe("config.lua", function()
  before_each(function() one = server.start { config = read "config.lua" } end)
  after_each(server.stop_all)

  it("answers GET / with its health and its endpoints", function()
    local out, done = curl("-i", one.url .. "/")
    assert.equal(0, done.code)
    assert.truthy(out:find "^HTTP/1.1 200 OK\r\n")
    local health = cjson.decode(out:match "\r\n\r\n(.*)$")
    assert.equal("ok", health.status)
    local endpoints = table.concat(health.endpoints, ", ")
    for _, name in ipairs { "GET /events", "POST /publish", "GET /kafka/status", "GET /" } do
      assert.truthy((endpoints .. ","):find(name .. ",", 1, true), endpoints)
    end
  end)

  it("tells at GET /kafka/status how Kafka is, and what is in it", function()
    local status
    local function up_to_date(times)
      status = cjson.decode((curl(one.url .. "/kafka/status")))
      local totals = status.consumer.currentAggregation
      return totals.times and totals.times >= times and totals.count == status.producer.acked
    end
    eventually(function() return up_to_date(2) end)
    assert.is_true(status.embedded and status.producer.connected and status.consumer.connected)
    local before = status.consumer.currentAggregation
    publish "one that is no tick"
    eventually(function() return up_to_date(before.times + 1) end)
    assert.equal(status.consumer.currentAggregation.count,
      status.consumer.currentAggregation.times + 1)
    assert.is_true(status.consumer.currentAggregation.last > before.last)
  end)

  it("streams a tick every second to curl, an id and a data line each", function()
    local stream = process.start("curl", { "-sN", one.url .. "/events" })
    eventually(function() return select(2, stream.out:gsub("\n\n", "")) >= 2 end)
    stream:kill "sigterm"
    stream:wait()
    local first, second = stream.out:match "^:\n(.-)\n\n(.-)\n\n"
    local times = {}
    for i, event in ipairs { first, second } do
      local id, data = event:match "^id: ([^\n]*)\ndata: ([^\n]*)$"
      assert.truthy(id and id:find(uuid), event)
      local payload = cjson.decode(data).payload
      assert.is_number(payload.date)
      times[i] = payload.times
    end
    assert.equal(times[1] + 1, times[2])
  end)

  it("takes what is posted, and answers with the event's id", function()
    local source = node.start("eventsource.js", { one.url .. "/events" })
    source:wait_line { type = "open" }
    local id = publish "hello"
    assert.truthy(id:find(uuid), id)
    local line = source:wait_line { data = '{"text":"hello"}' }
    assert.equal(id, line.lastEventId)
  end)

  it("says what is wrong with a body that is not JSON", function()
    local out = curl("-i", "-d", "{oops", one.url .. "/publish")
    assert.truthy(out:find "^HTTP/1.1 400 ", out)
  end)

  it("lets npm's EventSource go on where it was, by itself", function()
    local source = node.start("eventsource.js", { one.url .. "/events" })
    source:wait_line { type = "open" }
    publish "before"
    source:wait_line { data = '{"text":"before"}' }
    kill_workers()
    source:wait_line { data = '{"text":"meanwhile"}' }
    publish "after"
    source:wait_line { data = '{"text":"after"}' }
    assert.same({ "before", "meanwhile", "after" }, texts(source:lines()))
    for _, line in ipairs(source:lines()) do assert.not_equal("gap", line.type) end
  end)

  it("lets a browser's EventSource go on where it was, by itself", function()
    local page = node.start("page.js", { one.url .. "/" })
    page:wait_line { type = "loaded" }
    page:eval(([[(window.seen = [], window.source = new EventSource("/events"),
      source.onmessage = (event) => {
        const text = JSON.parse(event.data).text;
        if (text) seen.push(text);
      }, 0)]]):gsub("\n", " ") .. "")
    eventually(function() return page:eval "source.readyState" == 1 end)
    publish "before"
    eventually(function() return page:eval "seen.join()" == "before" end)
    kill_workers()
    eventually(function() return page:eval "seen.join()" == "before,meanwhile" end)
    publish "after"
    eventually(function() return page:eval "seen.join()" == "before,meanwhile,after" end)
  end)
end)
