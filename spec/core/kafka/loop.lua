-- SPDX-License-Identifier: MIT
--- A loop of C's for the clients of this room, and a client on it that keeps
-- what it is told.
local eventually = require "spec.support.eventually"
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/kafka/client.h"

ffi.cdef [[
int uv_loop_init(uv_loop_t *loop);
int uv_loop_close(uv_loop_t *loop);
int uv_run(uv_loop_t *loop, int mode);
]]
local uv = ffi.load "libuv.so.1"

local loop = { lib = lib, ffi = ffi }
local NOWAIT = 2

local methods = {}
local metatable = { __index = methods }

function loop.new()
  local self = setmetatable({ uv = ffi.new "uv_loop_t" }, metatable)
  uv.uv_loop_init(self.uv)
  return self
end

-- It may call back into Lua, which compiled code must not.
local function turn(self) return uv.uv_run(self.uv, NOWAIT) end
jit.off(turn)

--- Waits, with the loop running, for `check` to come true.
function methods:until_true(check, seconds)
  return eventually(function()
    turn(self)
    return check()
  end, seconds)
end

--- Nothing may be left on it.
function methods:close()
  self:until_true(function() return turn(self) == 0 end)
  assert(uv.uv_loop_close(self.uv) == 0)
end

--- Settings as C takes them.
function loop.pairs(settings)
  local text = {}
  for name, value in pairs(settings or {}) do text[#text + 1] = name .. "\0" .. value .. "\0" end
  local bytes = table.concat(text)
  return ffi.new("struct kafka_pairs", bytes, #bytes), bytes
end

return loop
