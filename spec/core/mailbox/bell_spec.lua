-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

describe("bell", function()
  units.cdef "core/mailbox/mailbox.h"
  local lib = units.cdef "core/mailbox/bell.h"
  local bell, asleep

  before_each(function()
    bell = lib.bell_new()
    asleep = ffi.new "uint32_t[1]"
  end)

  after_each(function() ffi.C.close(bell) end)

  it("is rung only for who sleeps, and once", function()
    lib.bell_ring(bell, asleep)
    assert.is_false(fork.readable(bell, 0))
    lib.bell_lie_down(asleep)
    assert.equal(1, asleep[0])
    lib.bell_ring(bell, asleep)
    assert.equal(0, asleep[0])
    assert.is_true(fork.readable(bell, 0))
    lib.bell_quiet(bell)
    lib.bell_ring(bell, asleep)
    assert.is_false(fork.readable(bell, 0))
  end)

  it("is not rung for who got up by himself", function()
    lib.bell_lie_down(asleep)
    lib.bell_get_up(asleep)
    lib.bell_ring(bell, asleep)
    assert.is_false(fork.readable(bell, 0))
  end)

  it("rings always after a death, and never blocks", function()
    for _ = 1, 1000 do lib.bell_ring_always(bell) end
    assert.is_true(fork.readable(bell, 0))
    lib.bell_quiet(bell)
    lib.bell_quiet(bell)
    assert.is_false(fork.readable(bell, 0))
  end)

  it("loses none of a million messages to a reader that sleeps", function()
    local total, lost_ms = 1000000, 1000
    local why = ffi.new "char[256]"
    local fd = fork.memory()
    assert.equal(0, lib.mailbox_create(fd, 65536, why))
    local mine, theirs = ffi.new "struct mailbox", ffi.new "struct mailbox"
    assert.equal(0, lib.mailbox_open(mine, fd, why))
    assert.equal(0, lib.mailbox_open(theirs, fd, why))
    -- A word of the shared memory that this ring does not use.
    local words = ffi.cast("uint32_t *", ffi.cast("char *", mine.header) + 2048)
    local lain_down = words + 16

    local reader = fork.start(function()
      local seen = 0
      while seen < total do
        while lib.mail_next(theirs.up) ~= nil do seen = seen + 1 end
        lib.mail_release(theirs.up)
        local patience = math.random(100)
        while patience > 0 and not lib.mail_waits(theirs.up) do patience = patience - 1 end
        lib.bell_lie_down(words)
        if seen < total and not lib.mail_waits(theirs.up) then
          lain_down[0] = lain_down[0] + 1
          while not fork.readable(bell, lost_ms) do
            if lib.mail_waits(theirs.up) then return 1 end
          end
          lib.bell_quiet(bell)
        end
        lib.bell_get_up(words)
      end
    end)

    -- After each few messages the writer waits until all is read, and goes on
    -- at about the moment in which the reader lies down: the race of bell.h.
    -- (Without its fences this fails.)
    math.randomseed(5)
    local sent, waited, patience = 0, 0, 2e8
    local tail = ffi.cast("volatile uint64_t *", mine.up.words) + 8
    assert.equal(ffi.offsetof("struct mail_words", "tail"), 64)
    while sent < total and waited < patience do
      for _ = 1, math.min(math.random(8), total - sent) do
        lib.mail_reserve(mine.up, 8)
        lib.mail_send(mine.up, 1, 8)
        sent = sent + 1
        lib.bell_ring(bell, words)
      end
      waited = 0
      while tail[0] ~= mine.up.position and waited < patience do
        waited = waited + 1
        if waited % 2000 == 0 then ffi.C.sched_yield() end
      end
      for _ = 1, math.random(100) do lib.mail_waits(mine.up) end
    end

    local code, signal = fork.wait(reader)
    assert.same({ 0, 0 }, { code, signal }) -- 1: it slept while there was news
    assert.equal(total, sent)
    assert.is_true(lain_down[0] > 1000) -- else nothing was tried
    lib.mailbox_close(mine)
    lib.mailbox_close(theirs)
    ffi.C.close(fd)
  end)
end)
