-- SPDX-License-Identifier: MIT
--- The real binary, serving a config of the spec in a folder of its own.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local proc = require "spec.support.proc"
local process = require "spec.support.process"

local server = {}
local methods = {}
local metatable = { __index = methods }
local running = {} -- servers that were not stopped yet
local folders = {} -- that were made and not removed yet

server.binary = uv.fs_realpath(os.getenv "STENTOR" or "build/release/stentor")
  or os.getenv "STENTOR" or "build/release/stentor"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- A port of 127.0.0.1 that was free a moment ago.
function server.free_port()
  local probe = uv.new_tcp()
  assert(probe:bind("127.0.0.1", 0))
  local port = probe:getsockname().port
  probe:close()
  uv.run "nowait"
  return port
end

--- A fresh folder with `files` (name → text) in it, and a copy of what is in
-- the folder `from`. It goes with server.stop_all().
function server.make_folder(files, from)
  local folder = assert(uv.fs_mkdtemp "/tmp/stentor-spec-XXXXXX")
  folders[folder] = true
  if from then
    assert(process.run("cp", { "-r", from .. "/.", folder }).code == 0, "cannot copy " .. from)
  end
  for name, text in pairs(files or {}) do
    local parent = name:match "^(.*)/[^/]*$"
    if parent then assert(process.run("mkdir", { "-p", folder .. "/" .. parent }).code == 0) end
    write(folder .. "/" .. name, text)
  end
  return folder
end

local function remove_folder(folder)
  process.run("rm", { "-r", folder })
  folders[folder] = nil
end

--- Runs `stentor` with `arguments` to its end: `.code .out .err`.
function server.run(arguments, options)
  return process.run(server.binary, arguments, options)
end

local function forget(self)
  for i, one in ipairs(running) do
    if one == self then return table.remove(running, i) end
  end
end

local function is_answering(self)
  local connection = http.raw(self.port)
  connection:send "GET /is-it-serving HTTP/1.1\r\nHost: spec\r\n\r\n"
  local ok = pcall(connection.receive, connection, "HTTP/1.1 ")
  connection:close()
  return ok
end

local function wait_until_answering(self)
  local ok = pcall(eventually, function()
    return self.process.code or is_answering(self)
  end)
  if self.process.code then
    forget(self) -- nothing is left to stop
    error(("the server ended with code %d:\n%s"):format(self.process.code, self:log()), 3)
  elseif not ok then
    error("the server does not answer:\n" .. self:log(), 3)
  end
end

-- Writes its config.lua, with its port in it.
local function write_config(self, text)
  if not text:find "%f[%w_]listen%f[^%w_]" then
    text = 'listen "127.0.0.1:$PORT" ' .. text
  end
  write(self.folder .. "/config.lua",
    (text:gsub("%$PORT", self.port):gsub(":3000%f[%D]", ":" .. self.port)))
end

--- Starts a server and waits until it answers. `config` is the text of
-- config.lua, or a table: `config`, `files` (name → text, beside config.lua),
-- `folder` (a folder with a config.lua, copied), `env`, `port`, `binary`. In the config
-- "$PORT" and ":3000" become a free port; without a `listen` one is put before
-- it, on its first line, so that line numbers stay.
function server.start(config)
  local options = type(config) == "table" and config or { config = config }
  local self = setmetatable({ port = options.port or server.free_port() }, metatable)
  local folder = server.make_folder(options.files, options.folder)
  self.folder = folder
  write_config(self, options.config or read(folder .. "/config.lua"))
  self.log_path = folder .. "/stentor.log"
  self.url = "http://127.0.0.1:" .. self.port
  self.process = process.start(options.binary or server.binary, { "run", "config.lua" }, {
    cwd = folder,
    env = options.env,
    log = self.log_path,
  })
  self.pid = self.process.pid
  running[#running + 1] = self
  wait_until_answering(self)
  return self
end

--- Its config.lua, as it is.
function methods:config_text()
  return read(self.folder .. "/config.lua")
end

--- Another config.lua, for its next brain; as for server.start.
function methods:configure(text)
  write_config(self, text)
end

--- Has its config read again, another one if there is a `text`; the run.
function methods:reload(text)
  if text then self:configure(text) end
  return server.run({ "reload", "config.lua" }, { cwd = self.folder })
end

--- All that was logged so far.
function methods:log()
  return read(self.log_path)
end

--- The living children: `{ pid, role, title }`; with a role, that one's alone.
function methods:children(role)
  local children = proc.children(self.pid)
  if not role then return children end
  for _, child in ipairs(children) do
    if child.role == role then return child end
  end
end

--- Like http.request, to this server.
function methods:request(request)
  request.port = self.port
  return http.request(request)
end

function methods:kill(signal)
  self.process:kill(signal)
end

--- Kills the brain and waits for the next one, until `answers()` throws nothing.
function methods:replace_brain(answers)
  local before = self:children("brain").pid
  uv.kill(before, "sigkill")
  eventually(function()
    local now = self:children "brain"
    return now and now.pid ~= before and pcall(answers)
  end)
end

--- Waits for the end, and that no child is left. Returns exit code and signal.
function methods:wait_end(children)
  children = children or proc.children(self.pid)
  local code, signal = self.process:wait()
  forget(self)
  eventually(function()
    for _, child in ipairs(children) do
      if proc.is_alive(child) then error(child.title .. " outlived its supervisor") end
    end
    return true
  end)
  return code, signal
end

--- Stops it with SIGTERM (or `signal`) and insists on exit code 0.
function methods:stop(signal)
  local children = proc.children(self.pid)
  self:kill(signal or "sigterm")
  local code, by = self:wait_end(children)
  local log = self:log()
  remove_folder(self.folder)
  if code ~= 0 or by ~= 0 then
    error(("the server ended with code %d, signal %d:\n%s"):format(code, by, log), 2)
  end
  return log
end

--- For after_each: stops whatever a spec left running. A server that does not
-- stop in order is killed, and that is an error.
function server.stop_all()
  local why
  for i = #running, 1, -1 do
    local one = running[i]
    if one then
      local ok, reason = pcall(one.stop, one)
      if not ok then
        why = why or reason
        one:kill "sigkill"
        pcall(one.wait_end, one)
      end
    end
  end
  running = {}
  process.stop_all()
  for folder in pairs(folders) do remove_folder(folder) end
  if why then error(why, 0) end
end

return server
