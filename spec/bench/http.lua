-- SPDX-License-Identifier: MIT
-- The few requests that the bench itself makes: to create what a peer wants
-- created, to publish a history, to learn an event's id.
local uv = require "luv"
local process = require "spec.bench.process"

local http = {}

local ANSWER_S = 10

-- Sends `text` and reads until `done(received)` or the other side closes.
local function talk(port, text, done, sent)
  local socket = uv.new_tcp()
  local received, is_over, failure = "", false, nil
  socket:connect("127.0.0.1", port, function(refused)
    if refused then
      failure, is_over = refused, true
      return
    end
    socket:read_start(function(broken, data)
      received = received .. (data or "")
      if broken or not data or done(received) then is_over = true end
    end)
    socket:write(text)
  end)
  local waited = false
  process.wait(ANSWER_S, function()
    if sent and not waited and received:find("\r\n\r\n", 1, true) then
      waited = true
      sent()
    end
    return is_over
  end)
  socket:close()
  uv.run("nowait")
  if not is_over or failure then
    error(("port %d: %s"):format(port, failure or "no answer"), 0)
  end
  return received
end

-- The status of the answer. One connection for each request.
function http.send(port, method, path, body)
  local text = ("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" ..
                "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(
    method, path, port, #(body or ""), body or "")
  local answer = talk(port, text, function(received)
    return received:find("\r\n\r\n", 1, true) ~= nil
  end)
  local status = tonumber(answer:match("^HTTP/1%.%d (%d+)"))
  if not status or status < 200 or status > 299 then
    error(("%s %s: %s"):format(method, path, answer:match("^[^\r]*")), 0)
  end
  return status
end

-- The body of the answer.
function http.get(port, path)
  local received = talk(port, ("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" ..
                               "Connection: close\r\n\r\n"):format(path, port),
                        function() return false end) -- until it is closed
  return received:match "\r\n\r\n(.*)$"
end

-- Opens the stream, calls `publish`, and returns the id of the first event.
function http.first_id(port, path, publish)
  local text = ("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" ..
                "Accept: text/event-stream\r\n\r\n"):format(path, port)
  local received = talk(port, text, function(received)
    return received:find("\ndata:", 1, true) ~= nil and received:find("\nid:", 1, true) ~= nil
  end, function()
    process.sleep(0.3) -- some answer a moment before they subscribe
    publish()
  end)
  return (received:match("\nid: ?([^\r\n]+)"))
end

return http
