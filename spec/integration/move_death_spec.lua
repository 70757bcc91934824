-- SPDX-License-Identifier: MIT
--- A worker dies while clients move: each client is either lost with the worker
-- that had it, and resumes, or goes on as if nothing had been.
local eventually = require "spec.support.eventually"
local moving = require "spec.integration.moving"
local order = require "spec.faults.order"
local proc = require "spec.support.proc"
local server = require "spec.support.server"
local sse = require "spec.support.sse"
local uv = require "luv"

local one

--- Those of `streams` that are open and have all; the others, which must have
-- been closed, come back with their ids.
local function sort_out(streams)
  local open, closed = {}, {}
  for _ = 1, 3 do moving.publish() end
  eventually(function()
    open, closed = {}, {}
    for _, stream in ipairs(streams) do
      if stream.connection.ended then
        closed[#closed + 1] = stream
      elseif #stream:events() == moving.published() then
        open[#open + 1] = stream
      end
    end
    return #open + #closed == #streams
  end)
  for _, stream in ipairs(closed) do
    local had = #stream:events()
    local again = sse.open { port = one.port, path = "/events", last_event_id = stream:last_id() }
    for i, event in ipairs(again:wait(moving.published() - had)) do
      assert.equal(had + i, moving.number_of(event))
    end
    again:close()
  end
  moving.assert_whole(open, 1)
  return #open, #closed
end

describe("when either of the two dies", function()
  local fault

  after_each(function()
    if fault then fault:close() end
    fault = nil
    server.stop_all()
  end)

  -- Who dies: with it go its own third of the clients, and what it had of the
  -- other's.
  local deaths = {
    ["hand over: sent"] = "worker 2",
    ["hand over: forgotten"] = "worker 2",
    ["hand over: gone"] = "worker 2",
    ["take over: adopted"] = "worker 0",
    ["take over: taken"] = "worker 0",
    ["take over: begun"] = "worker 0",
  }
  for step, role in pairs(deaths) do
    it(("after \"%s\", every client is somebody's"):format(step), function()
      local folder = server.make_folder {}
      fault = order.open(folder .. "/order")
      one = moving.start { STENTOR_FAULT_FILE = folder .. "/order" }
      local streams = moving.open_streams(240)
      moving.publish()
      for _, stream in ipairs(streams) do stream:wait(1) end
      fault:die_at(step, 1)
      moving.resize(2)
      local stopped
      eventually(function()
        stopped = fault:stopped()
        return stopped
      end)
      local title = proc.title(stopped)
      assert.truthy(title:find(role), title)
      uv.kill(stopped, "sigkill")
      eventually(function()
        return moving.worker_count() == 2 and one:children "worker 0" and one:children "worker 1"
          and moving.health().connections > 0
      end)
      local open, closed = sort_out(streams)
      assert.is_true(open > 30, open .. " open, " .. closed .. " closed")
      -- The clients that it had sent live on without it.
      if role == "worker 2" then assert.is_true(closed < 30, closed .. " closed") end
      assert.equal(open, moving.health().streams)
    end)
  end
end)

describe("when who takes the clients dies", function()
  after_each(server.stop_all)

  it("those that it did not have yet stay, and go elsewhere", function()
    one = moving.start()
    local streams = moving.open_streams(300)
    moving.publish()
    for _, stream in ipairs(streams) do stream:wait(1) end
    local first = one:children "worker 0"
    uv.kill(first.pid, "sigstop")
    moving.resize(2)
    uv.kill(first.pid, "sigkill")
    eventually(function() return moving.worker_count() == 2 and not one:children "worker 2" end)
    local _, closed = sort_out(streams)
    -- The dead one's own third, and at most one batch that it had taken.
    assert.is_true(closed > 50 and closed < 230, closed)
  end)
end)
