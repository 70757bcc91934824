-- SPDX-License-Identifier: MIT
-- The application behind pushpin: answers its GETs with the instruction to hold
-- the stream, and turns a POST of an event into one to pushpin's control port.
-- Its processor time is not counted as pushpin's.
--
--   luajit origin.lua PORT CONTROL_PORT
local json = require "cjson"
local uv = require "luv"

local port, control_port = tonumber(arg[1]), tonumber(arg[2])
local count = 0

-- pushpin.org/docs/advanced, "Grip-Hold: stream", "Grip-Channel".
local function hold(path)
  return ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n" ..
          "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n" ..
          "Grip-Hold: stream\r\nGrip-Channel: %s\r\nContent-Length: 0\r\n\r\n"):format(
    path:match("[^/?]+$"))
end

-- pushpin.org/docs/usage, "Publishing": POST /publish/ to the control port.
local function command(path, body)
  count = count + 1
  local event = ("id: 00000000-0000-8000-8000-%012x\ndata: %s\n\n"):format(count, body)
  local text = json.encode { items = { {
    channel = path:match("[^/?]+$"), formats = { ["http-stream"] = { content = event } },
  } } }
  return ("POST /publish/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" ..
          "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(#text, text)
end

-- Its control port closes the connection after an answer.
local function publish(path, body, answer)
  local socket = uv.new_tcp()
  local received, is_over = "", false
  local function finish()
    if is_over then return end
    is_over = true
    socket:close()
    local good = received:find("^HTTP/1%.%d 200")
    answer(("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"):format(good and "202 Accepted" or
                                                               "502 Bad Gateway"))
  end
  socket:connect("127.0.0.1", control_port, function(failure)
    if failure then return finish() end
    socket:nodelay(true)
    socket:read_start(function(broken, data)
      received = received .. (data or "")
      if broken or not data or received:find("\r\n\r\n", 1, true) then finish() end
    end)
    socket:write(command(path, body))
  end)
end

-- One request, if it is whole: method, path, body, and the bytes it had.
local function take(text)
  local _, stop = text:find("\r\n\r\n", 1, true)
  if not stop then return nil end
  local head = text:sub(1, stop)
  local size = tonumber(head:lower():match("\r\ncontent%-length:%s*(%d+)") or 0)
  if #text < stop + size then return nil end
  local method, path = head:match("^(%S+) (%S+)")
  return method, path, text:sub(stop + 1, stop + size), stop + size
end

local listener = uv.new_tcp()
assert(listener:bind("127.0.0.1", port))
assert(listener:listen(4096, function()
  local client = uv.new_tcp()
  local pending = ""
  listener:accept(client)
  client:nodelay(true)
  client:read_start(function(broken, data)
    if broken or not data then
      if not client:is_closing() then client:close() end
      return
    end
    pending = pending .. data
    local method, path, body, used = take(pending)
    while method do
      pending = pending:sub(used + 1)
      if method == "POST" then
        publish(path, body, function(text)
          if not client:is_closing() then client:write(text) end
        end)
      else
        client:write(hold(path))
      end
      method, path, body, used = take(pending)
    end
  end)
end))
uv.run()
