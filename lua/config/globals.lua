-- SPDX-License-Identifier: MIT
-- Reads the bytecode of a chunk for the global names that it uses, also in
-- functions that do not run while it loads.
local jit_util = require "jit.util"
local bit = require "bit"

local globals = {}

-- "x = y" is two instructions that matter: get y, set x.
local probe = assert(loadstring("x = y"))
local GET = bit.band(jit_util.funcbc(probe, 1), 0xff)
local SET = bit.band(jit_util.funcbc(probe, 2), 0xff)

-- Calls `tell(line, name, is_set)` for each use, inner functions included.
function globals.scan(fn, tell)
  local pc = 1
  while true do
    local ins = jit_util.funcbc(fn, pc)
    if not ins then break end
    local op = bit.band(ins, 0xff)
    if op == GET or op == SET then
      local name = jit_util.funck(fn, -bit.rshift(ins, 16) - 1)
      tell(jit_util.funcinfo(fn, pc).currentline, name, op == SET)
    end
    pc = pc + 1
  end
  local constant = -1
  while true do
    local value = jit_util.funck(fn, constant)
    if value == nil then return end
    if type(value) == "proto" then globals.scan(value, tell) end
    constant = constant - 1
  end
end

return globals
