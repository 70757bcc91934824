-- SPDX-License-Identifier: MIT
-- Starts and stops what the bench runs. Everything started here is known by
-- its pid and stopped by it, also when the bench fails or is interrupted.
local uv = require "luv"
local proc = require "spec.bench.proc"

local process = { log = nil }

local running = {} -- by pid
local interrupted = false

-- Turns the loop until `done()` or the time is over; says which.
function process.wait(seconds, done)
  local timer = uv.new_timer()
  local limit = uv.hrtime() + seconds * 1e9
  timer:start(10, 10, function() end)
  while not done() and uv.hrtime() < limit and not interrupted do uv.run("once") end
  timer:stop()
  timer:close()
  uv.run("nowait")
  if interrupted then error("interrupted", 0) end
  return done()
end

function process.sleep(seconds)
  process.wait(seconds, function() return false end)
end

-- A port of 127.0.0.1 that nobody listens on.
function process.free_port()
  local socket = uv.new_tcp()
  assert(socket:bind("127.0.0.1", 0))
  local port = socket:getsockname().port
  socket:close()
  uv.run("nowait")
  return port
end

-- Runs a program; `started.output` grows with what it prints, `started.code`
-- is set when it has ended. Its standard error goes to the log of the bench.
-- `folder` is where it runs, if that is not here.
function process.start(program, arguments, folder)
  local output = uv.new_pipe(false)
  local started = { program = program, output = "" }
  local log = assert(uv.fs_open(process.log, "a", 420))
  local handle, pid
  handle, pid = uv.spawn(program, { args = arguments, cwd = folder, stdio = { nil, output, log } },
    function(code, signal)
      started.code = signal ~= 0 and 128 + signal or code
      running[pid] = nil
      handle:close()
    end)
  uv.fs_close(log)
  if not handle then error(("%s: %s"):format(program, pid), 0) end
  started.pid = pid
  running[pid] = started
  output:read_start(function(_, data)
    if data then
      started.output = started.output .. data
    else
      started.ended = true
      output:close()
    end
  end)
  return started
end

-- Waits until it has ended; returns what it printed and its exit code.
function process.finish(started, seconds)
  local done = process.wait(seconds, function() return started.code and started.ended end)
  if not done then
    process.stop(started)
    error(("%s did not end within %d s"):format(started.program, seconds), 0)
  end
  return started.output, started.code
end

local function any_running(pids)
  for _, pid in ipairs(pids) do
    if proc.is_running(pid) then return true end
  end
  return false
end

-- Ends it and all its descendants, by their pids: asks first, then kills. Says
-- which of the two was needed.
function process.stop(started)
  if started.code then return true end
  local pids = proc.family(started.pid)
  uv.kill(started.pid, "sigterm")
  local wanted = interrupted
  interrupted = false -- an interrupted bench still stops what it started
  local calm = process.wait(10, function() return not any_running(pids) end)
  if not calm then
    for _, pid in ipairs(pids) do
      if proc.is_running(pid) then uv.kill(pid, "sigkill") end
    end
    process.wait(2, function() return not any_running(pids) end)
  end
  interrupted = wanted
  return calm
end

function process.stop_all()
  for _, started in pairs(running) do process.stop(started) end
end

-- Until something accepts connections on the port.
function process.wait_for_port(port, started, seconds)
  local open, trying = false, false
  local ready = process.wait(seconds, function()
    if not trying and not open then
      trying = true
      local socket = uv.new_tcp()
      socket:connect("127.0.0.1", port, function(failure)
        open, trying = not failure, false
        socket:close()
      end)
    end
    return open or started.code
  end)
  if not ready or started.code then
    error(("%s does not listen on port %d; see %s"):format(started.program, port, process.log), 0)
  end
end

-- Calls `work`; whatever happens, nothing that was started is left behind.
function process.guard(work)
  local signals = {}
  for _, name in ipairs { "sigint", "sigterm" } do
    local signal = uv.new_signal()
    signal:start(name, function() interrupted = true end)
    signals[#signals + 1] = signal
  end
  local passed, failure = xpcall(work, function(text)
    return type(text) == "string" and text:find("^[%w/._-]+:%d+:") and debug.traceback(text) or text
  end)
  process.stop_all()
  for _, signal in ipairs(signals) do signal:close() end
  uv.run("nowait")
  if not passed then error(failure, 0) end
end

return process
