-- SPDX-License-Identifier: MIT
local uv = require "luv"
local eventually = require "spec.support.eventually"
local proc = require "spec.support.proc"
local server = require "spec.support.server"

local config = 'listen "127.0.0.1:$PORT" workers(2)'

describe("supervisor", function()
  after_each(server.stop_all)

  local function roles(s)
    local names = {}
    for _, child in ipairs(s:children()) do names[#names + 1] = child.role end
    return names
  end

  local function write_config(s, text)
    local file = assert(io.open(s.folder .. "/config.lua", "w"))
    file:write((text:gsub("%$PORT", s.port)))
    file:close()
  end

  local function count(s, text)
    local _, times = s:log():gsub(text:gsub("%p", "%%%0"), "")
    return times
  end

  -- Kills the child, and waits until there is another with the same title.
  local function kill_and_await(s, role)
    local old = s:children(role)
    uv.kill(old.pid, "sigkill")
    eventually(function()
      local new = s:children(role)
      return new and new.pid ~= old.pid
    end)
  end

  local function await_log(s, text, times)
    eventually(function() return count(s, text) >= (times or 1) end)
  end

  it("has one brain and as many workers as were asked for, all named", function()
    local s = server.start(config)
    assert.same({ "brain", "worker 0", "worker 1" }, roles(s))
    assert.truthy(proc.title(s.pid):find "^stentor: supervisor *$")
    local ready = ("ready: http://127.0.0.1:%d, 2 workers, journal"):format(s.port)
    eventually(function() return s:log():find(ready, 1, true) end) -- it may answer before
  end)

  it("gives a child its own descriptors only, and no writable journal", function()
    local s = server.start(config)
    local function mailboxes_and_journal(role)
      local pid, mailboxes, flags = s:children(role).pid, 0, {}
      for fd = 0, 100 do
        local target = uv.fs_readlink(("/proc/%d/fd/%d"):format(pid, fd))
        if target and target:find "mailbox" then mailboxes = mailboxes + 1 end
        if target and target:find "journal" then
          for line in io.lines(("/proc/%d/fdinfo/%d"):format(pid, fd)) do
            flags[#flags + 1] = line:match "^flags:%s+%d*(%d)$"
          end
        end
      end
      assert.equal("/dev/null", uv.fs_readlink(("/proc/%d/fd/0"):format(pid)))
      return mailboxes, flags
    end
    -- A descriptor may have been closed once its memory is mapped.
    local mailboxes, flags = mailboxes_and_journal "worker 0"
    assert.is_true(mailboxes <= 1)
    for _, flag in ipairs(flags) do assert.equal("0", flag) end -- O_RDONLY
  end)

  for _, signal in ipairs { "sigterm", "sigint" } do
    it("stops in order on " .. signal, function()
      local s = server.start(config)
      local log = s:stop(signal)
      assert.truthy(log:find "info  supervisor: stopped\n$")
      assert.is_nil(log:find "killed")
    end)
  end

  it("leaves no child behind, however it dies", function()
    local s = server.start(config)
    local children = s:children()
    assert.equal(3, #children)
    s:kill "sigkill"
    s:wait_end(children)
  end)

  it("starts a worker again, later and later", function()
    local s = server.start(config)
    kill_and_await(s, "worker 1")
    await_log(s, "worker 1 serves again")
    kill_and_await(s, "worker 1")
    await_log(s, "worker 1 serves again", 2)
    local log = s:log()
    assert.truthy(log:find "worker 1 %(pid %d+%) ended: signal 9 %(Killed%); it starts again in")
    assert.truthy(log:find "it starts again in 0.2 s")
    assert.same({ "brain", "worker 0", "worker 1" }, roles(s))
  end)

  it("starts the brain again, and keeps the workers", function()
    local s = server.start(config)
    local before = { s:children("worker 0").pid, s:children("worker 1").pid }
    kill_and_await(s, "brain")
    await_log(s, "the brain is in charge again")
    assert.same(before, { s:children("worker 0").pid, s:children("worker 1").pid })
  end)

  it("goes on without a brain while its config is broken", function()
    local s = server.start(config)
    write_config(s, "wrong {}")
    uv.kill(s:children("brain").pid, "sigkill")
    await_log(s, "ended: exit code 1", 2)
    assert.truthy(s:children "worker 0")
    write_config(s, config)
    await_log(s, "the brain is in charge again")
  end)

  it("names what a changed config cannot change while it runs", function()
    local s = server.start(config)
    write_config(s, 'listen "127.0.0.1:1" workers(5) heartbeat { every = "3s" }')
    kill_and_await(s, "brain")
    await_log(s, "the brain is in charge again")
    assert.truthy(s:log():find("the config has changed: listen cannot be changed while the server "
      .. "runs", 1, true))
    await_log(s, "5 workers from now on, 2 before")
    for number = 2, 4 do await_log(s, ("worker %d serves"):format(number)) end
    assert.same({ "brain", "worker 0", "worker 1", "worker 2", "worker 3", "worker 4" }, roles(s))
  end)

  describe("when it cannot start", function()
    local function fails(arguments, options)
      local run = server.run(arguments, options)
      assert.equal(1, run.code)
      assert.equal("", run.out)
      local _, lines = run.err:gsub("\n", "")
      assert.equal(1, lines, run.err)
      return run.err
    end

    it("says so in one line: no config", function()
      assert.equal("stentor: cannot read nowhere.lua: No such file or directory "
        .. "(give the path: stentor run PATH; stentor help)\n", fails { "run", "nowhere.lua" })
      assert.truthy(fails({ "run", "/" }):find "Is a directory")
    end)

    it("says so in one line: a port in use", function()
      local s = server.start(config)
      assert.equal(("stentor: cannot listen on 127.0.0.1:%d: address already in use "
        .. "(another server has it; see: ss -ltnp)\n"):format(s.port),
        fails({ "run", "config.lua" }, { cwd = s.folder }))
    end)

    it("says so in one line: a mistake in the config", function()
      local folder = server.make_folder { ["config.lua"] = "wrong {}" }
      assert.truthy(fails({ "run", "config.lua" }, { cwd = folder }):find "^config.lua:1: ")
    end)
  end)

  it("refuses to be a child of nobody", function()
    local run = server.run { "child", "worker", "0", "1" }
    assert.equal(1, run.code)
    assert.truthy(run.err:find "for the supervisor to run")
  end)
end)
