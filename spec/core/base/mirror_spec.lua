-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

ffi.cdef "int ftruncate(int fd, off_t length);"

describe("mirror", function()
  local lib = units.cdef "core/base/mirror.h"
  local fd

  before_each(function()
    fd = fork.memory()
    assert.equal(0, ffi.C.ftruncate(fd, 3 * 4096))
  end)

  after_each(function() ffi.C.close(fd) end)

  it("shows the same bytes twice in a row", function()
    local base = lib.mirror_map(fd, 4096, 8192, true)
    ffi.copy(base + 8190, "over", 4)
    assert.equal("ov", ffi.string(base + 8190, 2))
    assert.equal("er", ffi.string(base, 2))
    assert.equal("over", ffi.string(base + 8190, 4))
    base[100] = 7
    assert.equal(7, base[8192 + 100])
    lib.mirror_unmap(base, 8192)
  end)

  it("is read-only if asked", function()
    local base = lib.mirror_map(fd, 0, 4096, false)
    assert.equal(0, base[4096])
    local _, signal = fork.quietly(function() base[4096] = 1 end)
    assert.equal(11, signal)
    lib.mirror_unmap(base, 4096)
  end)

  it("fails without leaving anything behind", function()
    local function mappings()
      local count = 0
      for _ in io.lines "/proc/self/maps" do count = count + 1 end
      return count
    end
    jit.off() -- its machine code is mapped too
    local before = mappings()
    for _ = 1, 50 do assert.is_true(lib.mirror_map(-1, 0, 4096, true) == nil) end
    assert.is_true(mappings() < before + 20)
    jit.on()
  end)
end)
