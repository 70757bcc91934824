-- SPDX-License-Identifier: MIT
--- A client of a stream that comes back by itself, and keeps a log of all it
-- met, in the form of checker.lua.
local uv = require "luv"
local cjson = require "cjson"
local http = require "spec.support.http"
local response = require "spec.support.response"
local sse = require "spec.support.sse"

local AGAIN_MS = { 5, 120 } -- from the end of a stream to the next attempt
local CUT_WITHIN_MS = 50

local reader = {}
local methods = {}
local metatable = { __index = methods }

local function note(self, entry)
  self.log[#self.log + 1] = entry
end

local function now()
  return tonumber(uv.hrtime())
end

-- --- what comes in ----------------------------------------------------------------

local function take_event(self, event)
  self.id = event.id
  if event.event == "gap" then
    note(self, { what = "gap", id = event.id, data = cjson.decode(event.data) })
  else
    self.events = self.events + 1
    note(self, { what = "event", id = event.id, text = event.data })
  end
end

local function take_body(self, bytes)
  local parser = self.parser
  parser:feed(bytes)
  local events = parser.events
  if #events > 0 then
    for _, event in ipairs(events) do take_event(self, event) end
    parser.events = {}
  end
  parser.comments = {}
  if parser.settled_id ~= "" and parser.settled_id ~= self.id then
    self.id = parser.settled_id
    note(self, { what = "position", id = self.id })
  end
end

-- A length: it is no stream, but the refusal that an EventSource survives.
local function take_head(self, head)
  if head.status ~= 200 then
    note(self, { what = "refused", text = "status " .. head.status })
  elseif head.headers["content-length"] then
    note(self, { what = "later" })
  else
    self.is_open = true
    self.chunked = head.headers["transfer-encoding"] == "chunked"
    self.opened_at = now()
    note(self, { what = "open", at = self.opened_at })
  end
end

local function take_bytes(self, bytes)
  bytes = self.rest .. bytes
  self.rest = ""
  if not self.head then
    local head, rest = response.head(bytes)
    if not head then
      self.rest = bytes
      return
    end
    self.head = head
    take_head(self, head)
    bytes = rest
  end
  if not self.is_open then return end
  if self.chunked then
    local data, rest, ended = response.unchunk(bytes)
    self.rest, self.ended = rest, ended
    bytes = data
  end
  take_body(self, bytes)
end

-- --- its connection ---------------------------------------------------------------

local function come_again(self)
  if self.stopped then return end
  self.timer:start(self.random:between(AGAIN_MS[1], AGAIN_MS[2]), 0, function()
    self:connect()
  end)
end

-- The end of a connection, of whatever kind. `cause`: that it is no wonder.
local function leave(self, cause, abort)
  local socket = self.socket
  self.socket = nil
  if abort then socket:close_reset() else socket:close() end
  if self.is_open then
    note(self, { what = "close", at = now(), cause = cause })
  elseif not self.head and not cause then
    note(self, { what = "refused", text = "closed without an answer" })
  end
  self.is_open = false
end

local function on_read(self, bytes)
  if not bytes then
    leave(self, self.cause)
    come_again(self)
    return
  end
  take_bytes(self, bytes)
  -- With half an event there, the cut is in the middle of it.
  if self.cutting and (self.rest ~= "" or self.parser.rest ~= "") then self:cut() end
end

local function on_connected(self, socket, why)
  if self.socket ~= socket then return end -- cut meanwhile
  if why then
    leave(self, why)
    note(self, { what = "refused", text = why })
    come_again(self)
    return
  end
  local name = socket:getsockname()
  self.port = name and name.port
  socket:write(http.format {
    path = self.path,
    port = self.server_port,
    version = self.version,
    headers = { Accept = "text/event-stream", ["Last-Event-ID"] = self.id },
  }, function() end)
  socket:read_start(function(_, bytes)
    if self.socket == socket then on_read(self, bytes) end
  end)
end

-- Its buffer makes it slow: then its route may end it at any time.
local function usual_cause(self)
  return self.small and "reads slowly" or nil
end

function methods:connect()
  local socket = uv.new_tcp "inet"
  -- Little is under way to it: one that does not read is soon behind.
  if self.small then socket:recv_buffer_size(4096) end
  self.socket, self.rest, self.parser = socket, "", sse.parser()
  self.head, self.port, self.cutting = nil, nil, false
  self.cause = usual_cause(self)
  self.asked_at = now()
  note(self, { what = "connect", at = self.asked_at, id = self.id })
  assert(socket:connect("127.0.0.1", self.server_port, function(why)
    on_connected(self, socket, why)
  end))
end

--- Options: `name`, `port`, `path`, `channels` (a set of their names), `random`,
-- `old` (HTTP/1.0), `small` (a small receive buffer), `conflates` (its route).
function reader.open(options)
  local self = setmetatable({
    name = options.name,
    channels = options.channels,
    server_port = options.port,
    random = options.random,
    small = options.small,
    conflates = options.conflates,
    path = options.path,
    version = options.old and "1.0" or "1.1",
    timer = uv.new_timer(),
    log = {},
    events = 0,
    is_open = false,
  }, metatable)
  self:connect()
  return self
end

-- --- what may be done to it -------------------------------------------------------

--- What happens to this connection from now on has a cause.
function methods:expect_close(cause)
  if self.socket then self.cause = cause end
end

--- Stops reading, for `ms`.
function methods:pause(ms)
  local socket = self.socket
  if not socket or not self.port then return end
  self.cause = "did not read"
  socket:read_stop()
  self.timer:start(ms, 0, function()
    if self.socket ~= socket then return end
    socket:read_start(function(_, bytes)
      if self.socket == socket then on_read(self, bytes) end
    end)
  end)
end

--- Ends the connection by a reset, in the middle of an event if one comes soon.
function methods:cut_soon()
  if not self.socket then return end
  local socket = self.socket
  self.cutting = true
  self.timer:start(CUT_WITHIN_MS, 0, function()
    if self.socket == socket then self:cut() end
  end)
end

--- Ends the connection by a reset, and comes again.
function methods:cut()
  self.cutting = false
  if not self.socket then return end
  leave(self, "cut", true)
  come_again(self)
end

--- Is away for `ms`.
function methods:stay_away(ms)
  if self.socket then leave(self, "went away") end
  self.timer:start(ms, 0, function() self:connect() end)
end

--- A new log, from where it stands. What has happened has no more effects.
function methods:begin_log()
  self.log, self.cause = {}, usual_cause(self)
  self.position = self.id
  if self.socket then note(self, { what = "connect", at = self.asked_at, id = self.id }) end
  if self.is_open then note(self, { what = "open", at = self.opened_at }) end
end

function methods:stop()
  self.stopped = true
  if self.socket then leave(self, "stopped") end
  self.timer:close()
end

return reader
