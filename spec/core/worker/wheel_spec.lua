-- SPDX-License-Identifier: MIT
-- The timer wheel: every deadline once, never early, at most a tick late.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/worker/wheel.h"
ffi.cdef [[
int uv_loop_init(uv_loop_t *);
int uv_loop_close(uv_loop_t *);
uint64_t uv_now(const uv_loop_t *);
int uv_run(uv_loop_t *, int);
int uv_is_active(const void *);
]]
local uv = ffi.load "libuv.so.1"
local tick_ms, slots = lib.WHEEL_TICK_MS, lib.WHEEL_SLOTS

describe("the timer wheel", function()
  local loop, wheel, callback, start, on_deadline

  before_each(function()
    loop = ffi.new "uv_loop_t"
    wheel = ffi.new "struct wheel"
    assert.equal(0, uv.uv_loop_init(loop))
    callback = ffi.cast("void (*)(struct wheel *, struct wheel_member *)",
      function(_, member) on_deadline(member) end)
    lib.wheel_open(wheel, loop, callback, nil)
    start = tonumber(uv.uv_now(loop))
  end)

  after_each(function()
    lib.wheel_close(wheel)
    uv.uv_run(loop, 0)
    assert.equal(0, uv.uv_loop_close(loop))
    callback:free()
  end)

  -- C calls back into Lua: never from a compiled trace.
  local function turn(now)
    lib.wheel_turn(wheel, now)
  end
  jit.off(turn)

  local function members(count)
    local all = ffi.new("struct wheel_member[?]", count)
    for i = 0, count - 1 do lib.wheel_member_init(all[i]) end
    return all
  end

  local function number_of(all, member)
    return tonumber(ffi.cast("char *", member) - ffi.cast("char *", all))
      / ffi.sizeof "struct wheel_member"
  end

  it("keeps a thousand deadlines, near and far", function()
    math.randomseed(5)
    local count = 1000
    local all, due, fired = members(count), {}, {}
    local now, before = start, start
    on_deadline = function(member)
      local i = number_of(all, member)
      assert.is_nil(fired[i])
      fired[i] = true
      assert.truthy(now >= due[i], "early")
      assert.truthy(before < due[i] + 2 * tick_ms, "late")
    end
    for i = 0, count - 1 do
      local delay = math.random(0, 3 * slots * tick_ms)
      due[i] = start + delay
      lib.wheel_set(wheel, all[i], delay)
    end
    while wheel.members > 0 do
      before, now = now, now + math.random(1, 5 * tick_ms)
      turn(now)
      assert.truthy(now < start + 4 * slots * tick_ms)
    end
    for i = 0, count - 1 do assert.is_true(fired[i]) end
  end)

  it("forgets what is withdrawn and replaces what is set again", function()
    local all, fired = members(3), {}
    on_deadline = function(member) table.insert(fired, number_of(all, member)) end
    for i = 0, 2 do lib.wheel_set(wheel, all[i], 1000) end
    lib.wheel_clear(wheel, all[1])
    lib.wheel_clear(wheel, all[1])
    lib.wheel_set(wheel, all[2], 5000)
    turn(start + 2000)
    assert.same({ 0 }, fired)
    turn(start + 5200)
    assert.same({ 0, 2 }, fired)
    assert.equal(0, wheel.members)
  end)

  it("lets a deadline set itself again and withdraw its neighbour", function()
    local all, count = members(2), 0
    on_deadline = function(member)
      count = count + 1
      lib.wheel_clear(wheel, all[1])
      lib.wheel_set(wheel, member, slots * tick_ms)
    end
    lib.wheel_set(wheel, all[0], 100)
    lib.wheel_set(wheel, all[1], 100)
    turn(start + 300)
    assert.equal(1, count)
    assert.equal(1, wheel.members)
    lib.wheel_clear(wheel, all[0])
  end)

  it("misses none after a long sleep", function()
    local all, count = members(50), 0
    on_deadline = function() count = count + 1 end
    for i = 0, 49 do lib.wheel_set(wheel, all[i], i * 1700) end
    turn(start + 3600 * 1000)
    assert.equal(50, count)
  end)

  it("runs the timer only while somebody waits", function()
    local all = members(1)
    on_deadline = function() end
    assert.equal(0, uv.uv_is_active(wheel.timer))
    lib.wheel_set(wheel, all[0], 100)
    assert.equal(1, uv.uv_is_active(wheel.timer))
    local run = function() uv.uv_run(loop, 0) end -- until no handle is active
    jit.off(run)
    run()
    assert.equal(0, wheel.members)
    assert.equal(0, uv.uv_is_active(wheel.timer))
  end)
end)
