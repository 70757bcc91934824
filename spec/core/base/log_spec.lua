-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

describe("log", function()
  local lib = units.cdef "core/base/log.h"

  -- What a child writes to standard error while it runs `work`.
  local function written_by(work)
    local path = os.tmpname()
    local code = fork.wait(fork.start(function()
      ffi.C.dup2(ffi.C.open(path, 1), 2)
      lib.log_set_name "worker 0"
      work()
    end))
    assert.equal(0, code)
    local file = io.open(path, "rb")
    local text = file:read "*a"
    file:close()
    os.remove(path)
    return text
  end

  local function text_of(bytes)
    return written_by(function() lib.log_bytes(ffi.C.LOG_WARN, bytes, #bytes) end)
      :match "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ warn  worker 0: (.*)\n$"
  end

  it("writes time, level, name and text", function()
    assert.equal("ready", text_of "ready")
    assert.equal("", text_of "")
    assert.truthy(written_by(function() lib.log_info("%s is %d", "x", ffi.cast("int", 7)) end)
      :match "Z info  worker 0: x is 7\n$")
  end)

  it("lets nobody forge a line", function()
    assert.equal("a\\x0db\\x1b[2J\\x00c", text_of "a\rb\27[2J\0c")
    assert.equal("a\n  2026-01-01 error", text_of "a\n2026-01-01 error")
    assert.equal("naïve\t€", text_of "naïve\t€")
  end)

  it("cuts what is too long, and says so", function()
    for _, piece in ipairs { "x", "\n", "\0", "ä" } do
      local text = text_of(piece:rep(5000))
      assert.is_true(#text < 4096)
      assert.equal("…", text:sub(-3))
    end
    assert.equal("…", written_by(function() lib.log_error("%s", ("x"):rep(9000)) end):sub(-4, -2))
  end)

  it("drops what is below its level", function()
    local text = written_by(function()
      lib.log_debug "not yet"
      lib.log_set_level(ffi.C.LOG_DEBUG)
      lib.log_debug "now"
      lib.log_set_level(ffi.C.LOG_ERROR)
      lib.log_warn "no more"
      lib.log_error "this"
    end)
    assert.is_nil(text:find "not yet")
    assert.is_nil(text:find "no more")
    assert.truthy(text:find "debug worker 0: now\n")
    assert.truthy(text:find "error worker 0: this\n")
  end)
end)
