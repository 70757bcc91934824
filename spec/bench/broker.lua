-- SPDX-License-Identifier: MIT
-- The real Kafka broker for the scenarios that need one, and programs in C that
-- stand beside ours there.
local cjson = require "cjson"
local process = require "spec.bench.process"
local server = require "spec.bench.server"
local uv = require "luv"

local broker = {}

local START_S, BUILD_S = 120, 60
local address

-- "host:port" of a broker that runs, started if need be; or nil, why not.
function broker.address()
  if os.getenv "STENTOR_TEST_KAFKA" then return os.getenv "STENTOR_TEST_KAFKA" end
  if address then return address end
  local output, code = process.finish(process.start("spec/support/kafka/broker.sh",
    { "start", "broker" }), START_S)
  if code ~= 0 then return nil, "there is no Kafka broker (see ./dev kafka)" end
  address = output:match "([^\n]+)\n*$"
  return address
end

local serial = 0

-- A name that no other topic has.
function broker.topic()
  serial = serial + 1
  return ("bench-%d-%d-%d"):format(uv.os_getpid(), os.time(), serial)
end

-- Runs a program of spec/bench to its end; what it printed.
function broker.run(name, arguments, seconds)
  local path = server.folder .. "/" .. name
  local _, code = process.finish(process.start("cc", { "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o",
    path, "spec/bench/" .. name .. ".c", "-lrdkafka" }), BUILD_S)
  if code ~= 0 then error("cannot build " .. name, 0) end
  local output
  output, code = process.finish(process.start(path, arguments), seconds)
  if code ~= 0 then error(("%s ended with code %d"):format(name, code), 0) end
  return output
end

-- What bus:status() says, which our server gives at `path`.
function broker.status(port, path)
  local socket, received, over = uv.new_tcp(), "", false
  socket:connect("127.0.0.1", port, function(refused)
    if refused then over = true return end
    socket:read_start(function(_, data)
      received, over = received .. (data or ""), over or not data
    end)
    socket:write(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):format(path))
  end)
  process.wait(10, function() return over end)
  socket:close()
  return cjson.decode(received:match "\r\n\r\n(.*)$")
end

return broker
