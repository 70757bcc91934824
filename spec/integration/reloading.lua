-- SPDX-License-Identifier: MIT
--- A server whose config changes, for the specs of reload.
local assert = require "luassert"
local cjson = require "cjson"
local http = require "spec.support.http"
local server = require "spec.support.server"
local sse = require "spec.support.sse"

local reloading = { one = nil } -- the server of the test that runs

local listen = 'listen "127.0.0.1:$PORT" '
local config = [[
workers(2)
heartbeat { every = "10m" }
local events = channel "events" { replay = "all" }
route "GET /events" { stream = events }
route "POST /publish" { respond = function(request)
  return 202, { id = events:publish(request.body) }
end }
route "GET /version" { respond = function() return 200, VERSION end }
route "GET /slow" { respond = function(request)
  log.info("began " .. request.query.n)
  sleep(request.query.wait or "1h")
  events:publish("effect " .. request.query.n)
  return 200, "done " .. request.query.n
end }
on("stop", function() log.info "stop hook" end)
MORE
]]

function reloading.text_of(version, more)
  return (config:gsub("VERSION", ("%q"):format(version)):gsub("MORE", function()
    return more or ""
  end))
end

function reloading.write(text)
  local file = assert(io.open(reloading.one.folder .. "/config.lua", "wb"))
  file:write(((listen .. text):gsub("%$PORT", reloading.one.port)))
  file:close()
end

function reloading.start(more)
  reloading.one = server.start(listen .. reloading.text_of("1", more))
end

function reloading.command(...)
  return server.run({ ... }, { cwd = reloading.one.folder })
end

-- Reloads; insists that it succeeds.
function reloading.reload(version, more)
  reloading.write(reloading.text_of(version, more))
  local run = reloading.command("reload", "config.lua")
  assert.equal("", run.err, reloading.one:log())
  assert.equal(0, run.code)
  assert.truthy(run.out:find "^reloaded in %d+ ms\n$")
end

-- Reloads `text`; insists that it fails. Returns what was said.
function reloading.fail(text)
  reloading.write(text)
  local run = reloading.command "reload"
  assert.equal(1, run.code, reloading.one:log())
  assert.equal("", run.out)
  return run.err
end

--- Of a response: status, headers, body.
function reloading.request(request) return reloading.one:request(request) end

function reloading.version() return select(3, reloading.request { path = "/version" }) end

function reloading.publish(body)
  local status, _, text = reloading.request { method = "POST", path = "/publish", body = body }
  assert.equal(202, status)
  return cjson.decode(text).id
end

function reloading.open(path)
  return sse.open { port = reloading.one.port, path = path or "/events" }
end

--- The process of the one child with that role.
function reloading.pid(role) return reloading.one:children(role).pid end

function reloading.send(request)
  local connection = http.raw(reloading.one.port)
  connection:send(http.format(request))
  return connection
end

function reloading.times_logged(text)
  local _, count = reloading.one:log():gsub((text:gsub("%p", "%%%0")), "")
  return count
end

return reloading
