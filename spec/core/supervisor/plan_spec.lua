-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi

describe("plan", function()
  local lib = units.cdef "core/supervisor/plan.h"
  local why = ffi.new "char[256]"

  local function plan()
    local made = ffi.new "struct stentor_plan"
    made.listener_count = 1
    made.listeners[0].host, made.listeners[0].port = "127.0.0.1", 3000
    made.journal_bytes, made.workers = 1e6, 2
    made.limits.channels = 100
    return made
  end

  -- Changes a plan by `change`; what cannot follow it, or nil.
  local function refused(change)
    local wanted = plan()
    change(wanted)
    if lib.plan_can_follow(plan(), wanted, why) then return nil end
    return ffi.string(why):match "^(.-) cannot be changed while the server runs: restart it"
  end

  local fixed = {
    ["listen"] = function(p) p.listeners[0].port = 3001 end,
    ["journal.size"] = function(p) p.journal_bytes = 2e6 end,
    ["limits.channels"] = function(p) p.limits.channels = 7 end,
    ["limits.addresses"] = function(p) p.limits.addresses = 7 end,
    ["limits.kept"] = function(p) p.kept_bytes = 7 end,
    ["supervise.control"] = function(p) p.supervise.control = "/x" end,
  }
  for name, change in pairs(fixed) do
    it("names what was made once: " .. name, function()
      assert.equal(name, refused(change))
      -- A brain that was started again serves with what there is.
      local force, wanted = plan(), plan()
      change(wanted)
      wanted.limits.body_bytes = 77
      lib.plan_adopt(force, wanted)
      assert.equal(77, force.limits.body_bytes)
      assert.is_true(lib.plan_can_follow(plan(), force, why))
    end)
  end

  it("names all of them at once", function()
    assert.equal("listen, journal.size", refused(function(p)
      p.listener_count, p.journal_bytes = 0, 1
    end))
  end)

  it("follows in all else", function()
    local function change(p)
      p.workers, p.log_level, p.embedded_kafka = 5, 3, 1
      p.limits.body_bytes, p.limits.connections = 77, 78
      p.heartbeat.every_ms = 79
      p.supervise.brain_timeout_ms, p.supervise.drain_ms = 80, 81
    end
    assert.is_nil(refused(change))
    local force, wanted = plan(), plan()
    change(wanted)
    lib.plan_adopt(force, wanted)
    assert.equal(ffi.string(ffi.cast("char *", wanted), ffi.sizeof(wanted)),
      ffi.string(ffi.cast("char *", force), ffi.sizeof(force)))
  end)
end)
