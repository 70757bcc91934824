-- SPDX-License-Identifier: MIT
--- The command line, and the life of the processes as seen from outside.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
local events = channel "events" { replay = 100 }
route "GET /" { respond = function() return 200, "hello" end }
route "GET /events" { stream = events }
route "POST /publish" {
  respond = function(request) return 202, { id = events:publish(request.body) } end,
}
]]

local function stentor(arguments, files)
  local folder = server.make_folder(files)
  return server.run(arguments, { cwd = folder })
end

-- All three children, once each is there and has its title.
local function whole_family(running)
  return eventually(function()
    local roles = {}
    for _, child in ipairs(running:children()) do roles[#roles + 1] = child.role or child.title end
    assert.same({ "brain", "worker 0", "worker 1" }, roles)
    return running:children()
  end)
end

-- The one line that says what is wrong, which names `what` and says how to
-- mend it.
local function assert_complains(done, what)
  local complaints = {}
  for line in done.err:gmatch "[^\n]+" do
    local level = line:match "Z (%a+) +"
    if not level or level == "error" then complaints[#complaints + 1] = line end
  end
  assert.equal(1, #complaints, "not one line: " .. done.err)
  assert.equal(1, done.code)
  assert.equal(0, done.signal)
  local line = complaints[1]
  assert.is_truthy(line:find(what, 1, true), line)
  assert.is_nil((done.out .. done.err):find("traceback", 1, true))
  assert.is_truthy(line:find "[;(] ?%a+", "it does not say how to mend it: " .. line)
end

describe("stentor", function()
  after_each(server.stop_all)

  it("prints its version", function()
    for _, word in ipairs { "version", "--version" } do
      local done = stentor { word }
      assert.equal(0, done.code)
      assert.is_truthy(done.out:find "^stentor %d+%.%d+%.%d+.*\n$", done.out)
      assert.equal("", done.err)
    end
  end)

  it("prints its commands", function()
    for _, word in ipairs { "help", "--help", "-h" } do
      local done = stentor { word }
      assert.equal(0, done.code)
      for _, command in ipairs { "run", "check", "load", "version", "help" } do
        assert.is_truthy(done.out:find("stentor [%[]?" .. command), command)
      end
    end
  end)

  it("prints them for a command that is asked for its help", function()
    for _, command in ipairs { "run", "check", "reload", "status", "drain" } do
      local done = stentor { command, "--help" }
      assert.equal(0, done.code)
      assert.is_truthy(done.out:find("stentor help", 1, true), command)
    end
  end)

  it("refuses an unknown option, and takes one behind the path", function()
    assert_complains(stentor { "check", "--sytem" }, "unknown option: --sytem")
    assert_complains(stentor { "status", "none.lua", "--json" }, "none.lua")
  end)

  it("refuses an unknown command", function()
    assert_complains(stentor { "sreve" }, "sreve")
  end)

  it("refuses too many arguments", function()
    assert_complains(stentor { "check", "a.lua", "b.lua" }, "b.lua")
  end)
end)

describe("stentor check", function()
  after_each(server.stop_all)

  it("passes a good config and starts nothing", function()
    local running = server.start(config)
    local done = server.run({ "check", "config.lua" }, { cwd = running.folder })
    assert.equal(0, done.code, done.err)
    assert.same({ 200 }, { (running:request { path = "/" }) })
  end)

  it("names all mistakes, each with its line", function()
    local done = stentor({ "check" }, { ["config.lua"] = table.concat({
      'listen "127.0.0.1:3000"',
      'local events = channel "events" { replya = 500 }',
      'route "GET /events" { stream = events, retry = "soon" }',
      'raute "GET /" { respond = function() return 200 end }',
    }, "\n") })
    assert.equal(1, done.code)
    local text = done.out .. done.err
    assert.is_truthy(text:find('config.lua:2: channel "events": unknown setting "replya", '
      .. 'did you mean "replay"?', 1, true), text)
    assert.is_truthy(text:find("config.lua:3: ", 1, true), text)
    assert.is_truthy(text:find("config.lua:4: [^\n]*raute"), text)
    assert.is_nil(text:find("traceback", 1, true), text)
  end)

  it("complains of a missing config", function()
    assert_complains(stentor { "check" }, "config.lua")
    assert_complains(stentor { "check", "nowhere/mine.lua" }, "nowhere/mine.lua")
  end)

  it("complains of a config that cannot be read", function()
    assert_complains(stentor({ "check", "mine.lua" }, { ["mine.lua/inside"] = "" }), "mine.lua")
  end)
end)

describe("stentor run", function()
  after_each(server.stop_all)

  it("complains of a missing config", function()
    assert_complains(stentor { "run", "mine.lua" }, "mine.lua")
    assert_complains(stentor {}, "config.lua")
  end)

  it("ends with code 1 on a config with a mistake", function()
    local done = stentor({ "run" }, { ["config.lua"] = 'listen "127.0.0.1:1"\nraute "GET /" {}' })
    assert.equal(1, done.code)
    assert.is_truthy(done.err:find("config.lua:2: ", 1, true), done.err)
    assert.is_nil(done.err:find("traceback", 1, true), done.err)
  end)

  it("complains of a port in use", function()
    local holder = uv.new_tcp()
    assert(holder:bind("127.0.0.1", 0))
    assert(holder:listen(1, function() end))
    local port = holder:getsockname().port
    local done = stentor({ "run" }, {
      ["config.lua"] = ('listen "127.0.0.1:%d" %s'):format(port, config),
    })
    holder:close()
    assert_complains(done, "127.0.0.1:" .. port)
  end)

  it("does not share its port with a second stentor", function()
    local first = server.start(config)
    local done = server.run({ "run" }, { cwd = first.folder })
    assert_complains(done, "127.0.0.1:" .. first.port)
    assert.same({ 200 }, { (first:request { path = "/" }) })
  end)

  it("shows in ps who is who", function()
    local running = server.start(config)
    assert.equal("stentor: supervisor", proc.title(running.pid))
    whole_family(running)
  end)

  for _, signal in ipairs { "sigterm", "sigint" } do
    it("stops in order on " .. signal, function()
      local running = server.start(config)
      local stream = sse.open { port = running.port, path = "/events" }
      local idle = http.raw(running.port)
      local log = running:stop(signal)
      assert.is_truthy(stream:closed())
      assert.is_truthy(idle:closed())
      assert.is_nil(log:find " error ", log)
    end)
  end

  it("stops in order on ^C, which reaches every process", function()
    local running = server.start(config)
    for _, child in ipairs(whole_family(running)) do uv.kill(child.pid, "sigint") end
    running:stop "sigint"
  end)

  it("leaves no child when the supervisor is killed", function()
    local running = server.start(config)
    whole_family(running)
    running:kill "sigkill"
    local _, signal = running:wait_end()
    assert.equal(9, signal)
  end)
end)

describe("the supervisor", function()
  after_each(server.stop_all)

  -- Kills the child with this role and waits for the next one; what was logged.
  local function kill_child(running, role)
    local before = eventually(function() return running:children(role) end)
    local logged = #running:log()
    uv.kill(before.pid, "sigkill")
    eventually(function()
      local now = running:children(role)
      return now and now.pid ~= before.pid
    end)
    eventually(function() return (running:request { path = "/" }) == 200 end)
    return running:log():sub(logged + 1)
  end

  it("starts a killed worker again, and says so", function()
    local running = server.start(config)
    for _ = 1, 2 do
      local said = kill_child(running, "worker 1")
      assert.is_truthy(said:find "worker 1[^\n]*signal 9", said)
    end
    whole_family(running)
  end)

  it("starts a killed brain again; streams stay", function()
    local running = server.start(config)
    local stream = sse.open { port = running.port, path = "/events" }
    local function publish(text)
      return (running:request { method = "POST", path = "/publish", body = text })
    end
    assert.equal(202, publish "one")
    stream:wait(1)
    local said = kill_child(running, "brain")
    assert.is_truthy(said:find "brain[^\n]*signal 9", said)
    assert.equal(202, publish "two")
    local events = stream:wait(2)
    assert.same({ "one", "two" }, { events[1].data, events[2].data })
    assert.is_nil(stream.connection.ended)
    stream:close()
  end)

  it("gives back what a killed child had", function()
    local running = server.start(config)
    kill_child(running, "worker 0")
    kill_child(running, "brain")
    local before = proc.descriptors(running.pid)
    for _ = 1, 2 do
      kill_child(running, "worker 0")
      kill_child(running, "brain")
    end
    eventually(function() return proc.descriptors(running.pid) <= before end)
  end)
end)

describe("a child", function()
  it("does not run without its supervisor", function()
    for _, role in ipairs { "worker", "brain" } do
      local done = process.run(server.binary, { "child", role, "0", "1" })
      assert.not_equal(0, done.code)
      assert.is_nil(done.err:find("traceback", 1, true))
    end
  end)
end)
