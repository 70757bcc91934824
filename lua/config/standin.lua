-- SPDX-License-Identifier: MIT
-- What a mistaken word returns: it swallows whatever is done to it, so that
-- one mistake is one message.
local standin = {}

local function itself(self) return self end

local function either(a, b)
  return standin.is(a) and a or b
end

local function never() return false end

-- `call`: what happens when it is called, instead of nothing.
function standin.new(call)
  local mt = { __index = itself, __call = call or itself, __unm = itself,
    __newindex = function() end, __tostring = function() return "?" end,
    __lt = never, __le = never, __metatable = "stand-in" }
  for _, operation in ipairs { "add", "sub", "mul", "div", "mod", "pow",
    "concat" } do
    mt["__" .. operation] = either
  end
  return setmetatable({}, mt)
end

function standin.is(value)
  return type(value) == "table" and getmetatable(value) == "stand-in"
end

return standin
