-- SPDX-License-Identifier: MIT
--- Publishes, one request after the other, and keeps what it was answered, in
-- the form of checker.lua. What it got no answer to it does not ask again.
local uv = require "luv"
local cjson = require "cjson"
local http = require "spec.support.http"
local response = require "spec.support.response"

local AGAIN_MS = 5

local publisher = {}
local methods = {}
local metatable = { __index = methods }

local function now()
  return tonumber(uv.hrtime())
end

-- The next `count` numbers of `channel`, both at random if not given.
local function next_publish(self, channel, count)
  channel = channel or self.random:one_of(self.channels)
  local first = (self.numbers[channel] or 0) + 1
  local last = first + (count or self.random:between(1, self.batch_max)) - 1
  self.numbers[channel] = last
  return { publisher = self.name, channel = channel, first = first, last = last }
end

local function go_on(self)
  if self.stopped or not self.running then return end
  self.timer:start(self.random:between(0, self.pause_ms), 0, function()
    if self.running then self:ask(next_publish(self)) end
  end)
end

-- A server may say that it does not know, or that it cannot now; nothing else.
local function take_answer(self, whole)
  local publish = self.asked
  self.asked = nil
  if whole.status == 202 then
    publish.ids = cjson.decode(whole.body).ids
    publish.answered_at = now()
  elseif whole.status ~= 503 then
    publish.wrong = ("status %d: %s"):format(whole.status, whole.body)
  end
  publish.status = whole.status
  if self.on_answer then self.on_answer(publish) end
  go_on(self)
end

local function on_end(self, socket)
  if self.socket ~= socket then return end
  socket:close()
  self.socket, self.rest = nil, ""
  local publish = self.asked
  self.asked = nil
  if publish and self.on_answer then self.on_answer(publish) end
  self.timer:start(AGAIN_MS, 0, function() go_on(self) end)
end

local function send(self)
  local publish = self.asked
  self.socket:write(http.format {
    method = "POST",
    port = self.port,
    path = ("/publish/%s?publisher=%s&first=%d&last=%d%s"):format(publish.channel,
      publish.publisher, publish.first, publish.last, publish.hang and "&hang=1" or ""),
    body = "",
  }, function() end)
end

local function connect(self)
  local socket = uv.new_tcp()
  self.socket, self.rest = socket, ""
  assert(socket:connect("127.0.0.1", self.port, function(why)
    if self.socket ~= socket then return end
    if why then return on_end(self, socket) end
    send(self)
    socket:read_start(function(_, bytes)
      if not bytes then return on_end(self, socket) end
      self.rest = self.rest .. bytes
      local whole, rest = response.parse(self.rest, "POST", false)
      if not whole then return end
      self.rest = rest
      take_answer(self, whole)
    end)
  end))
end

--- Asks for the next `count` events of `channel`.
function methods:ask_for(channel, count)
  self:ask(next_publish(self, channel, count))
end

--- Asks for some events, by a handler that does not end.
function methods:ask_and_hang()
  local publish = next_publish(self)
  publish.hang = true
  self:ask(publish)
end

--- Asks for `publish`: { publisher, channel, first, last, hang }.
function methods:ask(publish)
  assert(not self.asked, "it has not been answered yet")
  publish.asked_at = now()
  self.asked = publish
  self.log[#self.log + 1] = publish
  if self.socket then send(self) else connect(self) end
end

--- Options: `name`, `port`, `channels` (a list), `random`, `batch_max` (events
-- in one request), `pause_ms` (between two requests, at most), `on_answer`
-- (told of each publish that is over).
function publisher.open(options)
  return setmetatable({
    name = options.name,
    port = options.port,
    channels = options.channels,
    random = options.random,
    batch_max = options.batch_max,
    pause_ms = options.pause_ms,
    on_answer = options.on_answer,
    numbers = {},
    log = {},
    rest = "",
    timer = uv.new_timer(),
  }, metatable)
end

--- Publishes one after the other, until pause().
function methods:run()
  self.running = true
  if not self.asked then go_on(self) end
end

function methods:pause()
  self.running = false
end

--- Ends its connection by a reset, whatever is under way on it.
function methods:cut()
  local socket = self.socket
  if not socket or not socket:is_active() then return end
  self.socket = nil
  socket:close_reset()
  self.rest = ""
  if self.asked then
    local publish = self.asked
    self.asked = nil
    if self.on_answer then self.on_answer(publish) end
  end
  go_on(self)
end

function methods:stop()
  self.stopped = true
  if self.socket then self.socket:close() end
  self.socket, self.asked = nil, nil
  self.timer:close()
end

return publisher
