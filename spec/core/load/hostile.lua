-- SPDX-License-Identifier: MIT
--- Small HTTP servers that do to a load tester what a spec tells them to: they
-- write the bytes of an answer themselves, right or wrong.
local uv = require "luv"

local hostile = {}
local running = {}
local broken_pipes -- a signal handle, while servers run

hostile.head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

-- The first whole request in `bytes`, and what follows it.
local function take_request(bytes)
  local head, rest = bytes:match "^(.-\r\n)\r\n(.*)$"
  if not head then return nil end
  local request = { headers = {} }
  request.method, request.path = head:match "^(%S+) (%S+)"
  for name, value in head:gmatch "\r\n([^:\r\n]+): *([^\r\n]*)" do
    request.headers[name:lower()] = value
  end
  local size = tonumber(request.headers["content-length"] or 0)
  if #rest < size then return nil end
  request.body = rest:sub(1, size)
  return request, rest:sub(size + 1)
end

local function accept(self)
  local socket, held = uv.new_tcp(), ""
  self.listener:accept(socket)
  socket:nodelay(true)
  self.sockets[socket] = true
  local client = {}
  function client.write(bytes)
    if not socket:is_closing() then socket:write(bytes, function() end) end
  end
  function client.close()
    if not socket:is_closing() then socket:close() end
    self.sockets[socket] = nil
    self.streams[client] = nil
  end
  socket:read_start(function(_, bytes)
    if not bytes then return client.close() end
    held = held .. bytes
    local request, rest = take_request(held)
    while request do
      held = rest
      self.answer(client, request)
      request, rest = take_request(held)
    end
  end)
end

--- A server on `.port` and `.url`; every request comes to `answer(client,
-- request)`, and `client.write(bytes)`, `client.close()` are all there is.
-- `.streams` are the clients that are subscribed, `.published` and `.resumed`
-- are counts; a broadcaster keeps them.
function hostile.start(answer)
  local self = { answer = answer, sockets = {}, streams = {}, published = 0, resumed = 0 }
  -- A client that leaves in mid-write must not end the spec run.
  if not broken_pipes then
    broken_pipes = uv.new_signal()
    broken_pipes:start("sigpipe", function() end)
  end
  self.listener = uv.new_tcp()
  assert(self.listener:bind("127.0.0.1", 0))
  assert(self.listener:listen(128, function() accept(self) end))
  self.port = self.listener:getsockname().port
  self.url = "http://127.0.0.1:" .. self.port .. "/events"
  running[#running + 1] = self
  return self
end

--- A server that answers every request with `bytes` and, if so, closes.
function hostile.answering(bytes, closes)
  return hostile.start(function(client)
    client.write(bytes)
    if closes then client.close() end
  end)
end

--- A server as it should be: what is POSTed goes to all streams, with ids and
-- a history that Last-Event-ID resumes. What it does wrong is in `faults`:
-- `deliver(write, event, number)` in the place of write(event) ·
-- `resume(last)`: where a client that has `last` goes on (nil: nowhere) ·
-- `publish(client, number)` true if it has answered itself · `bare`: no ids.
function hostile.broadcaster(faults)
  faults = faults or {}
  local history, self = {}, nil
  local deliver = faults.deliver or function(write, event) write(event) end

  local function subscribe(client, request)
    client.write(faults.head or hostile.head)
    client.write ":\n\n"
    local last = tonumber(request.headers["last-event-id"])
    self.resumed = self.resumed + (last and 1 or 0)
    if last and faults.resume then last = faults.resume(last) end
    for number = (last or #history) + 1, #history do client.write(history[number]) end
    self.streams[client] = true
  end

  local function publish(client, request)
    local number = #history + 1
    if faults.publish and faults.publish(client, number) then return end
    local id = faults.bare and "" or ("id: %d\n"):format(number)
    local event = ("%sdata: %s\n\n"):format(id, faults.body or request.body)
    history[number] = event
    self.published = number
    for stream in pairs(self.streams) do deliver(stream.write, event, number) end
    client.write "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
  end

  self = hostile.start(function(client, request)
    if request.method == "POST" then publish(client, request) else subscribe(client, request) end
  end)
  return self
end

--- For after_each.
function hostile.stop_all()
  for _, self in ipairs(running) do
    for socket in pairs(self.sockets) do
      if not socket:is_closing() then socket:close() end
    end
    self.listener:close()
  end
  running = {}
  if broken_pipes then broken_pipes:close() end
  broken_pipes = nil
  uv.run "nowait"
end

return hostile
