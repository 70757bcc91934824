-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi

describe("buffer", function()
  local lib = units.cdef "core/base/buffer.h"
  local buffer

  before_each(function()
    buffer = ffi.new "struct buffer"
    lib.buffer_init(buffer)
  end)

  after_each(function() lib.buffer_done(buffer) end)

  local function text() return ffi.string(buffer.bytes, buffer.size) end

  it("costs nothing while empty", function()
    assert.is_true(buffer.bytes == nil)
    lib.buffer_add(buffer, nil, 0)
    lib.buffer_consume(buffer, 0)
    assert.equal(0, tonumber(buffer.size))
    assert.is_true(buffer.bytes == nil)
  end)

  it("equals a Lua string, whatever is added and consumed", function()
    math.randomseed(2)
    local wanted = ""
    for _ = 1, 3000 do
      local piece = string.char(math.random(0, 255)):rep(math.random(0, 300))
      local way = math.random(4)
      if way == 1 then
        lib.buffer_add(buffer, piece, #piece)
        wanted = wanted .. piece
      elseif way == 2 then
        lib.buffer_add_text(buffer, "text")
        wanted = wanted .. "text"
      elseif way == 3 then
        lib.buffer_add_format(buffer, "%d:%s;", ffi.cast("int", #piece), "x")
        wanted = wanted .. #piece .. ":x;"
      else
        local size = math.random(0, #wanted)
        lib.buffer_consume(buffer, size)
        wanted = wanted:sub(size + 1)
      end
      assert.is_true(text() == wanted)
      assert.is_true(buffer.size <= buffer.capacity)
    end
  end)

  it("makes room without growing", function()
    lib.buffer_add_text(buffer, "abc")
    local room = lib.buffer_reserve(buffer, 100000)
    assert.is_true(room == buffer.bytes + 3)
    assert.equal(3, tonumber(buffer.size))
    assert.is_true(buffer.capacity >= 100003)
    assert.equal("abc", text())
  end)
end)
