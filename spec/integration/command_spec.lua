-- SPDX-License-Identifier: MIT
--- The control socket, and the commands that talk to it.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local config = [[
workers(2)
local events = channel "events" { replay = "10m" }
local other = channel "quiet/:id" {}
route "GET /events" { stream = events }
route "GET /q" { stream = function() return other "a\"b" end }
every("10ms", function() events:publish { at = now() } end)
]]

local one

local function command(...) return server.run({ ... }, { cwd = one.folder }) end

local function status()
  local run = command("status", "--json")
  assert.equal(0, run.code, run.err)
  return cjson.decode(run.out)
end

local function open(path) return sse.open { port = one.port, path = path } end

describe("stentor status", function()
  after_each(server.stop_all)

  it("says how the server is, for people", function()
    one = server.start(config)
    local clients = { open "/events", open "/events", open "/q" }
    clients[1]:wait(2)
    uv.kill(one:children("brain").pid, "sigkill")
    eventually(function() return one:log():find "in charge again" end)
    assert.equal(0, command("reload").code)
    local run = command "status"
    assert.truthy(run.out:find("listening http://127.0.0.1:" .. one.port, 1, true), run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
    local text = run.out
    assert.truthy(text:find "^config%.lua, pid %d+, up %d+%.%d s\n")
    assert.truthy(text:find "\n  brain +pid %d+ +up %d+%.%d s, start 3\n")
    assert.truthy(text:find "\n  worker 1 +pid %d+ +up %d+%.%d s, %d+ connections?, %d+ streams?\n")
    assert.truthy(text:find "\nlast reload: %d+%.%d s ago, reloaded in %d+ ms; in all 1 succeeded")
    assert.truthy(text:find "\n  events +2 streams, nothing lost that `replay` allows\n")
    assert.truthy(text:find '\n  quiet/a"b +1 stream, no events yet\n')
    assert.truthy(text:find "\n  streams_opened +3\n")
    assert.truthy(text:find "\nscripts\n")
    assert.truthy(text:find "\n  timers +1\n")
  end)

  it("says so as JSON, for programs", function()
    one = server.start(config)
    local client = open "/events"
    client:wait(1)
    local all = status()
    assert.same({ "127.0.0.1:" .. one.port }, all.listening)
    assert.equal("config.lua", all.config)
    assert.equal(one.pid, all.pid)
    assert.is_false(all.drained)
    assert.same({ "brain", "worker 0", "worker 1" }, { all.processes[1].name,
      all.processes[2].name, all.processes[3].name })
    assert.equal(one:children("worker 1").pid, all.processes[3].pid)
    assert.equal(1, all.processes[2].streams + all.processes[3].streams)
    assert.equal("events", all.channels[1].name)
    assert.equal(1, all.channels[1].streams)
    assert.is_true(all.channels[1].newest_seq > 0)
    assert.equal(1, all.counters.streams_opened)
    assert.equal(2, all.brain.scripts.routes)
    assert.is_false(all.reload.under_way)
  end)

  it("answers although the brain does not", function()
    one = server.start(config)
    uv.kill(one:children("brain").pid, "sigstop")
    local run = command "status"
    assert.equal(0, run.code)
    assert.truthy(run.out:find("the brain does not answer at the moment\n", 1, true))
    uv.kill(one:children("brain").pid, "sigcont")
    assert.is_table(status().brain)
  end)
end)

describe("the control socket", function()
  after_each(server.stop_all)

  it("is found by the config's path, however it is written", function()
    one = server.start(config)
    for _, path in ipairs { one.folder .. "/config.lua", "./config.lua",
      one.folder .. "/../" .. one.folder:match "[^/]*$" .. "//./config.lua" } do
      assert.equal(0, command("status", path).code, path)
    end
    assert.equal(0, server.run({ "status", one.folder .. "/config.lua" }).code)
  end)

  it("has a path, too, if the config says so", function()
    one = server.start(config .. 'supervise { control = "control.sock" }')
    local path = one.folder .. "/control.sock"
    assert.equal(384, assert(uv.fs_stat(path)).mode % 512) -- 0600
    assert.equal(0, server.run({ "status", path }).code)
    one:kill "sigkill"
    one:wait_end()
    assert.equal("socket", uv.fs_stat(path).type)
    assert.truthy(server.run({ "status", path }).err:find "no server runs with it")
    -- What a killed server left is no obstacle; one that stops leaves nothing.
    local folder = one.folder
    one = server.start { folder = folder, config = config
      .. ('supervise { control = %q }'):format(path) }
    assert.equal(0, server.run({ "status", path }).code)
    one:stop()
    assert.is_nil(uv.fs_stat(path))
  end)

  it("says so when nobody is there, or the path is not the right one", function()
    local folder = server.make_folder { ["config.lua"] = "" }
    for _, name in ipairs { "reload", "status", "drain" } do
      local run = server.run({ name }, { cwd = folder })
      assert.equal(1, run.code)
      assert.equal("stentor: config.lua: no server runs with it; is it the path that it was "
        .. "started with? (stentor run PATH)\n", run.err)
      run = server.run({ name, "nowhere.lua" }, { cwd = folder })
      assert.equal(1, run.code)
      assert.truthy(run.err:find "^stentor: nowhere.lua: No such file or directory; give the path")
    end
  end)

  it("takes what it does not know for what it is", function()
    one = server.start(config .. 'supervise { control = "c" }')
    local function talk(bytes)
      local pipe, text, ended = uv.new_pipe(false), "", false
      pipe:connect(one.folder .. "/c", function(why)
        if why then error("cannot connect: " .. why) end
        pipe:read_start(function(_, more)
          if more then text = text .. more else ended = true end
        end)
        pipe:write(bytes, function() end) -- it may hang up before it has all
      end)
      eventually(function() return ended end)
      pipe:close()
      uv.run "nowait"
      return text
    end
    assert.truthy(talk "nonsense\n":find "^2\nunknown command")
    assert.truthy(talk "status\nmore\n":find "^0\nconfig.lua")
    assert.equal("", talk(("x"):rep(1000)))
    assert.equal(0, command("status").code)
  end)

  it("is one server's: a second one with the same config says so, and serves", function()
    one = server.start('listen(env.ADDRESS or "127.0.0.1:$PORT")\n' .. config)
    local log = one.folder .. "/second.log"
    local second = process.start(server.binary, { "run", "config.lua" }, { cwd = one.folder,
      env = { ADDRESS = "127.0.0.1:" .. server.free_port() }, log = log })
    local function logged(text)
      local file = assert(io.open(log))
      local all = file:read "*a"
      file:close()
      return all:find(text, 1, true)
    end
    eventually(function() return logged "ready:" end)
    assert.truthy(logged(("no control socket: Address already in use (process %d serves this "
      .. "config already); SIGHUP reloads this one"):format(one.pid)))
    assert.equal(one.pid, status().pid)
    second:kill "sigint"
    assert.equal(0, (second:wait()))
  end)
end)
