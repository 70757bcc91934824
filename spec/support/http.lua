-- SPDX-License-Identifier: MIT
--- A client that sends exactly the bytes it is told to.
local ffi = require "ffi"
local uv = require "luv"
local eventually = require "spec.support.eventually"
local response = require "spec.support.response"

ffi.cdef "int setsockopt(int fd, int level, int option, const void *value, unsigned size);"

local http = {}
local methods = {}
local metatable = { __index = methods }

local function start_reading(self)
  self.socket:read_start(function(why, bytes)
    if bytes then
      self.pieces[#self.pieces + 1] = bytes
      if self.on_bytes then self.on_bytes(bytes) end
    else
      self.ended = why or "EOF"
    end
  end)
end

-- Both kernels keep as little as can be had between the server and us: a
-- small window, and a segment size from which the other's buffer follows.
local function narrow(socket)
  socket:recv_buffer_size(4096)
  local segment = ffi.new("int[1]", 536)
  assert(ffi.C.setsockopt(socket:fileno(), 6, 2, segment, 4) == 0) -- TCP_MAXSEG
end

--- A connection to `port`; throws when it is refused. Options: `host`,
-- `narrow` (who does not read is noticed after some 50 KB and not after 3 MB).
function http.raw(port, options)
  local self = setmetatable({ socket = uv.new_tcp "inet", pieces = {} }, metatable)
  if options and options.narrow then narrow(self.socket) end
  local outcome
  self.socket:connect(options and options.host or "127.0.0.1", port, function(why)
    outcome = why or "connected"
  end)
  eventually(function() return outcome end)
  if outcome ~= "connected" then
    self:close()
    error(("cannot connect to port %d: %s"):format(port, outcome), 2)
  end
  self.socket:nodelay(true)
  start_reading(self)
  return self
end

--- Sends `bytes`; what a dead peer does to them shows in :closed().
function methods:send(bytes)
  if not self.socket:is_closing() then self.socket:write(bytes, function() end) end
end

--- Bytes received and not yet taken by :response().
function methods:received()
  if #self.pieces > 1 then self.pieces = { table.concat(self.pieces) } end
  return self.pieces[1] or ""
end

--- Waits for bytes: a count, a text in them, or a function of them that says
-- so. Returns all that is there. Throws when the time is up or no more can come.
function methods:receive(what)
  local function is_enough(bytes)
    if type(what) == "number" then return #bytes >= what end
    if type(what) == "string" then return bytes:find(what, 1, true) end
    return what(bytes)
  end
  local gone = false
  eventually(function()
    if is_enough(self:received()) then return true end
    gone = self.ended
    return gone or error("received only: " .. self:received())
  end)
  if gone then error(("closed (%s) after: %s"):format(gone, self:received()), 2) end
  return self:received()
end

--- Takes the next whole response: `{ status, headers, body, … }`.
function methods:response(method)
  local whole, rest
  self:receive(function(bytes)
    whole, rest = response.parse(bytes, method, self.ended ~= nil)
    return whole
  end)
  self.pieces = { rest }
  return whole
end

--- Waits until the server has closed; returns "EOF" or the error's name.
function methods:closed()
  return eventually(function() return self.ended end)
end

--- Stops and goes on reading: a client that does not keep up.
function methods:pause()
  self.socket:read_stop()
end

function methods:resume()
  start_reading(self)
end

--- Ends our side only.
function methods:finish()
  self.socket:shutdown()
end

--- Closes; with `abort`, by a reset.
function methods:close(abort)
  if self.socket:is_closing() then return end
  if abort then self.socket:close_reset() else self.socket:close() end
  uv.run "nowait"
end

--- The bytes of a request: `method path headers body host version`. A body gets
-- its Content-Length. `headers` is name → value or a list of { name, value }.
function http.format(request)
  local lines = {
    ("%s %s HTTP/%s"):format(request.method or "GET", request.path or "/",
      request.version or "1.1"),
    "Host: " .. (request.host or "127.0.0.1:" .. (request.port or 80)),
  }
  for name, value in pairs(request.headers or {}) do
    if type(value) == "table" then name, value = value[1], value[2] end
    lines[#lines + 1] = name .. ": " .. value
  end
  if request.body then lines[#lines + 1] = "Content-Length: " .. #request.body end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
end

--- One request on a connection of its own. Returns status, headers, body.
function http.request(request)
  local connection = http.raw(request.port)
  connection:send(http.format(request))
  local ok, whole = pcall(connection.response, connection, request.method)
  connection:close()
  if not ok then error(whole, 2) end
  return whole.status, whole.headers, whole.body
end

return http
