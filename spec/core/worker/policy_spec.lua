-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/worker/policy.h"

describe("the policies of a worker", function()
  local policies, plan

  before_each(function()
    plan = ffi.new "struct stentor_plan"
    plan.limits.policies = 3
    plan.limits.client_lag_bytes = 1000
    plan.heartbeat.every_ms, plan.heartbeat.size = 15000, 2
    ffi.copy(plan.heartbeat.frame, ":\n", 2)
    policies = ffi.new "struct policies"
    lib.policies_init(policies, plan)
  end)

  -- The text of a policy; `ffi` structs are borrowed, so it is anchored.
  local function policy(every, frame)
    local one = ffi.new "struct stentor_policy"
    one.lagging, one.client_lag_bytes = lib.STENTOR_SKIP, 5
    one.heartbeat.every_ms, one.heartbeat.size = every, #frame
    ffi.copy(one.heartbeat.frame, frame, #frame)
    local bytes = ffi.string(one, ffi.offsetof("struct stentor_policy", "heartbeat")
      + ffi.offsetof("struct stentor_heartbeat", "frame") + #frame)
    return ffi.new("struct text", bytes, #bytes), bytes
  end

  local function take(every, frame)
    local text, anchor = policy(every, frame or ":\n")
    local number = lib.policy_take(policies, text)
    assert.truthy(anchor)
    return number
  end

  local function server_own() return lib.policy_take(policies, ffi.new("struct text")) end

  it("are the server's own for who asks for none", function()
    assert.equal(0, server_own())
    local own = lib.policy_at(policies, 0)
    assert.equal(lib.STENTOR_DISCONNECT, own.lagging)
    assert.equal(1000, own.client_lag_bytes)
    assert.equal(":\n", ffi.string(own.heartbeat.frame, own.heartbeat.size))
    lib.policy_give(policies, 0)
    lib.policies_done(policies)
  end)

  it("are held once, however many streams have one", function()
    assert.same({ 1, 2, 1, 3 }, { take(1), take(2), take(1), take(1, ": x\n") })
    assert.equal(2, policies.all[1].streams)
    assert.equal(": x\n", ffi.string(lib.policy_at(policies, 3).heartbeat.frame, 4))
    for _, number in ipairs { 1, 2, 1, 3 } do lib.policy_give(policies, number) end
    lib.policies_done(policies)
  end)

  it("have a limit, and places that are free again", function()
    assert.same({ 1, 2, 3, 0, 2 }, { take(1), take(2), take(3), take(4), take(2) })
    lib.policy_give(policies, 2)
    assert.equal(0, take(5))
    lib.policy_give(policies, 2)
    assert.equal(2, take(5))
    assert.equal(5, lib.policy_at(policies, 2).heartbeat.every_ms)
  end)

  it("go from process to process as they are", function()
    local number = take(7, ": seven\n")
    assert.equal(number, lib.policy_take(policies, lib.policy_text(policies, number)))
  end)

  it("refuse what is no policy", function()
    local text = policy(1, ":\n")
    text.size = text.size - 1
    assert.equal(0, lib.policy_take(policies, text))
    text.size = 5
    assert.equal(0, lib.policy_take(policies, text))
  end)

  it("change for the streams of the server's own with a new plan", function()
    local number = take(1)
    plan.heartbeat.every_ms = 99
    lib.policies_renew(policies, plan)
    assert.equal(99, lib.policy_at(policies, 0).heartbeat.every_ms)
    assert.equal(1, lib.policy_at(policies, number).heartbeat.every_ms)
  end)

  it("have another limit with a new plan, but never fewer than there are", function()
    assert.same({ 1, 2, 3, 0 }, { take(1), take(2), take(3), take(4) })
    plan.limits.policies = 5
    lib.policies_renew(policies, plan)
    assert.same({ 4, 5, 0, 2 }, { take(4), take(5), take(6), take(2) })
    plan.limits.policies = 1
    lib.policies_renew(policies, plan)
    assert.same({ 5, 0 }, { take(5), take(6) })
    assert.equal(3, lib.policy_at(policies, 3).heartbeat.every_ms)
  end)
end)
