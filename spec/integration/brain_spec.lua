-- SPDX-License-Identifier: MIT
--- The brain is killed: streams stay open, nothing that got its 202 is lost or
-- doubled, and no request is run twice.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local response = require "spec.support.response"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
heartbeat { every = "200ms" }
plugin "health" { path = "/health" }
local events = channel "events" { replay = "all" }
local state = channel "state" { key = "k", latest = true }
local rooms = channel "rooms/:id" {}
on("unsubscribe", function(client, ended)
  log.info("hook: gone " .. client.channels[1].name .. " " .. ended.reason .. ".")
end)
on("vacant", function(channel) log.info("hook: vacant " .. channel.name .. ".") end)
route "GET /events" { stream = events }
route "GET /state" { stream = state }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "POST /rooms/:id" { respond = function(request)
  return 202, { id = rooms(request.params.id):publish(request.body) }
end }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "POST /state" { respond = function(request)
  return 202, { id = state:publish(request:json()) }
end }
route "GET /hello" { respond = function() return 200, "hello" end }
local function slowly(request)
  log.info("began " .. request.query.n)
  events:publish("effect " .. request.query.n)
  sleep(request.query.wait or "1h")
  log.info("answers " .. request.query.n)
  return 200, "done " .. request.query.n
end
route "GET /slow" { respond = slowly }
route "POST /slow" { respond = slowly }
]]

local one

local function times_logged(text)
  local count = 0
  for _ in one:log():gmatch(text) do count = count + 1 end
  return count
end

local function worker_descriptors()
  local sum = 0
  for number = 0, 1 do sum = sum + proc.descriptors(one:children("worker " .. number).pid) end
  return sum
end

local function kill_brain()
  local brain = one:children "brain"
  if not brain then return false end
  uv.kill(brain.pid, "sigkill")
  eventually(function()
    local now = one:children "brain"
    return not now or now.pid ~= brain.pid
  end)
  return true
end

local function wait_in_charge(times)
  eventually(function() return times_logged "in charge again" >= times end)
end

local function open(path, last_event_id)
  return sse.open { port = one.port, path = path, last_event_id = last_event_id }
end

local function post(path, body)
  local status, _, text = one:request { method = "POST", path = path, body = body }
  assert.equal(202, status)
  return cjson.decode(text).id
end

local function send(request)
  local connection = http.raw(one.port)
  connection:send(http.format(request))
  return connection
end

-- A client that publishes one event after the other on one connection.
local function start_publisher(name)
  local self = { count = 0, acked = {}, unknown = 0, connection = http.raw(one.port) }
  local rest = ""
  local function next_one()
    self.count = self.count + 1
    self.waiting = true
    self.connection:send(http.format { method = "POST", path = "/publish",
      body = name .. " " .. self.count })
  end
  self.connection.on_bytes = function(bytes)
    rest = rest .. bytes
    self.connection.pieces = {}
    local whole, after = response.parse(rest, "POST", false)
    if not whole then return end
    rest, self.waiting = after, false
    if whole.status == 202 then
      self.acked[name .. " " .. self.count] = cjson.decode(whole.body).id
    else
      assert(whole.status == 503 and whole.body == "outcome unknown\n", whole.body)
      self.unknown = self.unknown + 1
    end
    if not self.stopped then next_one() end
  end
  next_one()
  return self
end

describe("when the brain is killed", function()
  before_each(function() one = server.start(config) end)
  after_each(server.stop_all)

  it("again and again under load, every 202 is there, once, in order", function()
    local clients, publishers = {}, {}
    for i = 1, 6 do clients[i] = open "/events" end
    for i = 1, 4 do publishers[i] = start_publisher("p" .. i) end
    local function published()
      local sum = 0
      for _, publisher in ipairs(publishers) do sum = sum + publisher.count end
      return sum
    end
    for kill = 1, 5 do
      local before = published()
      eventually(function() return published() >= before + 200 end)
      kill_brain()
      -- One that comes while there is no brain resumes without a gap.
      local first = clients[1]:events()[1]
      clients[#clients + 1] = open("/events", first.id)
      clients[#clients].resumed = true
      wait_in_charge(kill)
    end
    for _, publisher in ipairs(publishers) do publisher.stopped = true end
    eventually(function()
      for _, publisher in ipairs(publishers) do
        if publisher.waiting then return false end
      end
      return true
    end)
    local last = post("/publish", "the end")
    for _, client in ipairs(clients) do
      eventually(function() return client:last_id() == last end)
      assert.is_nil(client.connection.ended)
    end
    local seen, before = {}, ""
    local all = clients[1]:events()
    for _, event in ipairs(all) do
      assert.is_nil(seen[event.data])
      assert.equal("message", event.event)
      assert.is_true(event.id > before)
      seen[event.data], before = event.id, event.id
    end
    local unknown = 0
    for _, publisher in ipairs(publishers) do
      for data, id in pairs(publisher.acked) do assert.equal(id, seen[data]) end
      unknown = unknown + publisher.unknown
    end
    assert.is_true(unknown <= 5 * #publishers)
    for _, client in ipairs(clients) do
      local first = client.resumed and 1 or 0
      assert.equal(#all - first, #client:events())
      for i, event in ipairs(client:events()) do
        assert.equal(all[i + first].id, event.id)
        assert.equal(all[i + first].data, event.data)
      end
    end
  end)

  it("streams go on, of members and of what is latest too", function()
    local member, state = open "/rooms/blue", open "/state"
    post("/state", '{"k":"a","v":1}')
    post("/rooms/red", "x")
    kill_brain()
    wait_in_charge(1)
    post("/rooms/green", "x")
    post("/rooms/blue", "after")
    assert.equal("after", member:wait(1)[1].data)
    local newcomer = open "/state"
    post("/state", '{"k":"b","v":2}')
    assert.equal(2, #newcomer:wait(2))
    assert.equal('{"k":"a","v":1}', newcomer:events()[1].data)
    assert.equal(2, #state:wait(2))
  end)

  it("the next one tells of the end of streams from before, of members too", function()
    local member, plain = open "/rooms/blue", open "/events"
    kill_brain()
    wait_in_charge(1)
    assert.equal(200, (one:request { path = "/hello" })) -- it knows who is there
    member:close()
    plain:close()
    for _, name in ipairs { "rooms/blue", "events" } do
      eventually(function()
        return times_logged("hook: gone " .. name .. " closed%.") == 1
          and times_logged("hook: vacant " .. name .. "%.") == 1
      end)
    end
  end)

  it("the next one tells of the beginnings and ends it had not taken, each once", function()
    local closing, staying = open "/rooms/blue", open "/events"
    uv.kill(one:children("brain").pid, "sigstop")
    local before = worker_descriptors()
    closing:close()
    eventually(function() return worker_descriptors() == before - 1 end)
    kill_brain()
    wait_in_charge(1)
    eventually(function() return times_logged "hook: gone rooms/blue closed%." == 1 end)
    staying:close()
    eventually(function() return times_logged "hook: gone events closed%." == 1 end)
    assert.equal(2, times_logged "hook: gone")
  end)

  it("requests that it had not taken are the next one's", function()
    local brain = one:children("brain").pid
    uv.kill(brain, "sigstop")
    local waiting = {}
    for n = 1, 20 do
      waiting[n] = send { method = "POST", path = "/publish", body = "number " .. n }
    end
    local stream = http.raw(one.port)
    stream:send(http.format { path = "/events", headers = { Accept = "text/event-stream" } })
    eventually.turn(5)
    kill_brain()
    for n = 1, 20 do assert.equal(202, waiting[n]:response("POST").status) end
    stream:receive "200 OK"
    local all = open "/events?since=all"
    local count = {}
    for _, event in ipairs(all:wait(20)) do
      count[event.data] = (count[event.data] or 0) + 1
    end
    for n = 1, 20 do assert.equal(1, count["number " .. n]) end
  end)

  it("requests that it had taken are answered: outcome unknown, and never run again", function()
    local asked = {
      { request = { method = "POST", path = "/slow?n=1" }, status = 503 },
      { request = { method = "POST", path = "/slow?n=2", headers = { ["Idempotency-Key"] = "x" } },
        status = 503, again = true },
      { request = { path = "/slow?n=3" }, status = 503, again = true },
      { request = { path = "/slow?n=4", headers = { Accept = "text/event-stream" } },
        status = 200 },
    }
    for _, one_asked in ipairs(asked) do one_asked.connection = send(one_asked.request) end
    eventually(function() return times_logged "began %d" == 4 end)
    kill_brain()
    for _, one_asked in ipairs(asked) do
      local whole = one_asked.connection:response()
      assert.equal(one_asked.status, whole.status)
      assert.equal(one_asked.again or false, whole.headers["retry-after"] ~= nil)
      if whole.status == 200 then
        assert.truthy(whole.body:find "^retry: %d+\n\n$")
        assert.equal("close", whole.headers.connection)
      else
        assert.equal("outcome unknown\n", whole.body)
        one_asked.connection:send(http.format { path = "/hello" })
        assert.equal("hello", one_asked.connection:response().body)
      end
    end
    assert.equal(4, times_logged "began %d")
    local all = open "/events?since=all"
    post("/publish", "the end")
    assert.equal("the end", all:wait(5)[5].data)
    local _, _, body = one:request { path = "/health" }
    assert.equal(4, cjson.decode(body).counters.outcome_unknown)
  end)

  it("what it had answered arrives, also if the worker had not read it yet", function()
    local first = send { path = "/slow?n=1&wait=100ms" }
    local second = send { path = "/slow?n=2&wait=100ms" }
    eventually(function() return times_logged "began %d" == 2 end)
    local workers = { one:children("worker 0").pid, one:children("worker 1").pid }
    for _, pid in ipairs(workers) do uv.kill(pid, "sigstop") end
    eventually(function() return times_logged "answers %d" == 2 end)
    kill_brain()
    wait_in_charge(1)
    for _, pid in ipairs(workers) do uv.kill(pid, "sigcont") end
    assert.equal("done 1", first:response().body)
    assert.equal("done 2", second:response().body)
    assert.equal(2, times_logged "began %d")
  end)

  it("and its config is broken, streams stay, and it recovers when mended", function()
    local client = open "/events"
    post("/publish", "before")
    client:wait(1)
    local path = one.folder .. "/config.lua"
    local function write(text)
      local file = assert(io.open(path, "wb"))
      file:write(text)
      file:close()
    end
    local file = assert(io.open(path))
    local good = file:read "*a"
    file:close()
    write(good .. '\nroute "GET /x" { stream = nosuch, colour = "red" }\n')
    kill_brain()
    eventually(function() return times_logged "unknown setting \"colour\"" >= 2 end)
    eventually(function()
      local log = one:log()
      return log:find "again in 0%.1 s" and log:find "again in 0%.2 s" and log:find "0%.4 s"
    end)
    local beats = #client.comments
    local waiting = send { path = "/hello" }
    eventually(function() return #client.comments > beats + 1 end)
    assert.is_nil(client.connection.ended)
    write(good)
    assert.equal("hello", waiting:response().body)
    post("/publish", "after")
    assert.equal("after", client:wait(2)[2].data)
  end)

  it("at each start, it is started again ever more slowly, and serves in the end", function()
    local client = open "/events"
    for n = 1, 4 do
      eventually(kill_brain)
      local delay = ("again in %.1f s"):format(0.1 * 2 ^ (n - 1)):gsub("%.", "%%.")
      eventually(function() return one:log():find(delay) end)
    end
    wait_in_charge(1)
    post("/publish", "after")
    assert.equal("after", client:wait(1)[1].data)
  end)
end)
