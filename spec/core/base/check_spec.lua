-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

describe("check", function()
  units.cdef "core/base/error.h"
  units.cdef "core/base/memory.h"
  local lib = units.cdef "core/base/check.h"

  it("passes on what carries the right magic", function()
    local object = ffi.new("uint32_t[2]", { 0x1234, 7 })
    local same = ffi.cast("uint32_t *", lib.check_magic(object, 0x1234, "f", 1))
    assert.equal(7, same[1])
  end)

  it("ends the process for any other", function()
    local object = ffi.new("uint32_t[1]", 0x1234)
    for _, wrong in ipairs {
      function() lib.check_magic(object, 0x1235, "f", 1) end,
      function() lib.check_magic(nil, 0x1234, "f", 1) end,
      function() lib.check_failed("x", "f", 1) end,
    } do
      local _, signal = fork.quietly(wrong)
      assert.equal(fork.SIGABRT, signal)
    end
  end)

  it("has a name and a text for each error", function()
    for _, name in ipairs {
      "EINVALID", "ESYSTEM", "EFULL", "ETOOBIG", "ENOTFOUND", "EOVERRUN", "EVERSION", "EREADONLY",
      "EEVENT", "ERESERVED", "EHEADER", "EGONE",
    } do
      local code = ffi.C["STENTOR_" .. name]
      assert.is_true(code < 0)
      assert.equal(name, ffi.string(lib.error_name(code)))
      assert.is_true(#ffi.string(lib.error_text(code)) > 3)
    end
    for _, code in ipairs { 0, 1, -999 } do
      assert.equal("EUNKNOWN", ffi.string(lib.error_name(code)))
      assert.equal("unknown error", ffi.string(lib.error_text(code)))
    end
  end)

  it("copies texts that are no strings", function()
    local copy = lib.xstrndup("ab\0cd", 5)
    assert.equal("ab\0cd\0", ffi.string(copy, 6))
    assert.is_true(lib.xcalloc(4, 8) ~= nil)
  end)
end)
