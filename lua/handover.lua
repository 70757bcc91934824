-- SPDX-License-Identifier: MIT
-- Another brain takes over, as the config is reloaded: sources and timers are
-- paused, what runs may finish, then nothing of the config runs any more. If
-- the other one fails, all of it goes on where it was.
local aggregate = require "stentor.aggregate"
local keep = require "stentor.keep"

local handover = {}

local LOOK_MS = 5

local function call_all(server, method)
  for _, object in ipairs(server.pausable) do
    local ok, why = pcall(object[method], object)
    if not ok then server:failed(method, tostring(why)) end
  end
end

local function let_go(server)
  if not server.pool:quiet() then
    server.log.warn(("reload: %d handlers have not finished in time"):format(
      server.pool.busy - server.pool.tasks))
  end
  server.pool:freeze("all")
  server.phase = "released"
  aggregate.save_all(server)
  keep.leave(server)
  server.core.released()
end

-- `item.ticket`: milliseconds for what runs to finish.
function handover.release(server, item)
  local core = server.core
  if server.phase ~= "running" then return core.released() end
  local last = core.monotonic() + tonumber(item.ticket)
  server.phase = "releasing"
  call_all(server, "pause")
  server.pool:freeze("tasks")
  local function look()
    if server.phase ~= "releasing" then return end -- the server stops
    if server.pool:quiet() or core.monotonic() >= last then
      return let_go(server)
    end
    server.clock:after(LOOK_MS, look)
  end
  look()
end

function handover.resume(server)
  if server.phase ~= "released" then return server.core.ready() end
  local paused = server.paused
  server.phase, server.paused = "running", {}
  server:resume_channels() -- the other one may have published
  server.readers = {}
  local wrong = server:read_topics()
  if wrong then return server.core.fail(wrong) end
  call_all(server, "resume")
  for _, one in ipairs(paused) do one.fn(one.argument) end
  server.pool:thaw()
  server.clock:run()
  server.core.ready()
end

return handover
