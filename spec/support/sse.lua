-- SPDX-License-Identifier: MIT
--- An event stream as the WHATWG text reads it, sharing nothing with the
-- server: a parser of bytes, and a client that keeps all it ever got.
local eventually = require "spec.support.eventually"
local http = require "spec.support.http"
local response = require "spec.support.response"

local sse = {}

-- --- the parser ---------------------------------------------------------------

local parser = {}
local parser_metatable = { __index = parser }

function sse.parser()
  return setmetatable({
    events = {},   -- { id, event, data, retry }
    comments = {}, -- what follows the colon
    last_id = "",
    settled_id = "", -- as of the last whole block: what a browser would send
    rest = "",     -- bytes of a line that is not whole
    data = {},
    started = false,
  }, parser_metatable)
end

local function dispatch(self)
  local data = self.data
  self.settled_id = self.last_id
  if #data > 0 then
    self.events[#self.events + 1] = {
      id = self.last_id,
      event = self.event ~= "" and self.event or "message",
      data = table.concat(data, "\n"),
      retry = self.block_retry,
    }
  end
  self.data, self.event, self.block_retry = {}, "", nil
end

local function take_line(self, line)
  if line == "" then return dispatch(self) end
  local name, value = line:match "^([^:]*):? ?(.*)$"
  if name == "" then
    self.comments[#self.comments + 1] = line:sub(2)
  elseif name == "data" then
    self.data[#self.data + 1] = value
  elseif name == "event" then
    self.event = value
  elseif name == "id" and not value:find("%z") then
    self.last_id = value
  elseif name == "retry" and value:find "^%d+$" then
    self.retry = tonumber(value)
    self.block_retry = self.retry
  end
end

--- Takes the next bytes, cut anywhere.
function parser:feed(bytes)
  local text = self.rest .. bytes
  if not self.started then
    if #text < 3 and ("\239\187\191"):sub(1, #text) == text then
      self.rest = text
      return
    end
    self.started = true
    if text:sub(1, 3) == "\239\187\191" then text = text:sub(4) end
  end
  local at = 1
  while true do
    local stop = text:find("[\r\n]", at)
    if not stop then break end
    local after = stop + 1
    if text:sub(stop, stop) == "\r" then
      if stop == #text then break end -- LF may follow
      if text:sub(after, after) == "\n" then after = after + 1 end
    end
    take_line(self, text:sub(at, stop - 1))
    at = after
  end
  self.rest = text:sub(at)
end

--- All events in `bytes`; a last CR ends its line.
function sse.parse(bytes)
  local one = sse.parser()
  one:feed(bytes)
  if one.rest == "\r" then take_line(one, "") end
  return one.events, one
end

-- --- the client ---------------------------------------------------------------

local methods = {}
local metatable = { __index = methods }

local function take_bytes(self, bytes)
  self.raw = self.raw .. bytes
  self.undecoded = self.undecoded .. bytes
  if not self.head then
    local head, rest = response.head(self.undecoded)
    if not head then return end
    self.head, self.undecoded = head, rest
    self.chunked = head.headers["transfer-encoding"] == "chunked"
  end
  local data = self.undecoded
  if self.chunked then
    data, self.undecoded, self.ended = response.unchunk(self.undecoded)
  else
    self.undecoded = ""
  end
  self.body = self.body .. data
  self.parser:feed(data)
end

--- Opens a stream and waits for its head. `request` is as in http.format, with
-- `port`, and `last_event_id`. Fields: `head`, `raw` (all bytes), `body`
-- (without chunk framing), `comments`, `ended` (the last chunk was seen).
function sse.open(request)
  local self = setmetatable({
    raw = "",
    body = "",
    undecoded = "",
    ended = false,
    parser = sse.parser(),
  }, metatable)
  self.comments = self.parser.comments
  local headers = { { "Accept", "text/event-stream" } }
  if request.last_event_id then
    headers[2] = { "Last-Event-ID", request.last_event_id }
  end
  for name, value in pairs(request.headers or {}) do
    headers[#headers + 1] = type(value) == "table" and value or { name, value }
  end
  self.connection = http.raw(request.port)
  self.connection.on_bytes = function(bytes)
    self.connection.pieces = {}
    take_bytes(self, bytes)
  end
  self.connection:send(http.format {
    method = request.method,
    path = request.path,
    version = request.version,
    host = request.host,
    port = request.port,
    headers = headers,
  })
  eventually(function() return self.head or self.connection.ended end)
  if not self.head then
    self:close()
    error("closed before a head came: " .. self.raw, 2)
  end
  return self
end

function methods:events()
  return self.parser.events
end

--- Waits until there are `count` events and returns them all.
function methods:wait(count)
  eventually(function()
    local have = #self.parser.events
    return have >= count or error(("%d of %d events; %s; received: %s"):format(have, count,
      self.connection.ended or "open", self.raw:sub(-500)))
  end)
  return self.parser.events
end

--- The id a browser would send to resume.
function methods:last_id()
  return self.parser.last_id
end

--- Waits until the server has closed.
function methods:closed()
  return self.connection:closed()
end

function methods:close(abort)
  self.connection:close(abort)
end

return sse
