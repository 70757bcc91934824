-- SPDX-License-Identifier: MIT
-- Run by binding_spec.lua in a process of its own: the real lua/core.lua on the
-- recorder of binding.c. Prints what the recorder noted.
require "spec.lua.path"
local ffi = require "ffi"

local library = ffi.load(arg[1], true)
ffi.cdef "void binding_feed(int64_t count, int of_kind); const char *binding_note(void);"

local boot = require "stentor.boot"
local kinds = require("stentor.core").kinds

-- Traces that were given up, by where the instruction stood.
local aborts, compiled = {}, {}
jit.attach(function(what, _, fn, pc)
  if what ~= "abort" and what ~= "start" then return end
  local info = require("jit.util").funcinfo(fn, pc)
  local list = what == "abort" and aborts or compiled
  list[#list + 1] = tostring(info.loc)
end, "trace")

local function feed(count, kind)
  library.binding_feed(count, kind)
  boot.pump()
end

local function show() io.write(ffi.string(library.binding_note())) end

local path = os.tmpname()
local handle = assert(io.open(path, "w"))
handle:write [==[
listen "[::1]:3000"
workers(2)
local events = channel "events" { replay = 5, latest = true }
local plain = channel "plain" { replay = "1s" }
route "GET /events" { stream = plain }
route "POST /x y" { respond = function() return 200 end }
route "POST /:name" {
  respond = function(request)
    local id = events:publish(request:json(), { event = "e", key = "k", retry = 2 })
    return 202, { id = id, a = request.headers.a, k = request.cookies.k,
      name = request.params.name, load = request.load, n = events:count(),
      recent = events:recent(1)[1].text }
  end,
}
on("stop", function() events:publish(("x"):rep(2000)) end)
task(function() plain:publish "text" end)
]==]
handle:close()

-- A path with a space is no route: it is a mistake, and the only one.
print((boot.check(path):gsub(path:gsub("%p", "%%%0"), "config.lua")))
os.execute(("sed -i '/x y/d' %s"):format(path))
print(boot.start(nil, path))
os.remove(path)
show()
feed(1, kinds.go)
show()
feed(1, kinds.request)
show()
feed(1, 0) -- the POST
show()
feed(1, kinds.stop) -- with an event that is too big
show()

local core, since = require "stentor.core", require "stentor.since"
for text, name in pairs { now = "now", [3] = "count", ["1s"] = "time", all = "all" } do
  assert(since.parse(text).kind == core.since[name])
end

-- The plain route compiles, and stays compiled.
feed(20000, kinds.request)
aborts, compiled = {}, {}
collectgarbage()
collectgarbage "stop"
local before = collectgarbage "count"
feed(100000, kinds.request)
print(("hot: %d aborts, %d traces begun, %d KB of garbage"):format(#aborts, #compiled,
  collectgarbage "count" - before))
