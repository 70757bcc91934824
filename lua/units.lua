-- SPDX-License-Identifier: MIT
-- Quantities as people write them: "15s" "64k" "250k" "20%" "50/s". The same
-- spellings as on the command line (core/base/units.h). Each function returns
-- the number, or nil when the value is no such quantity.
local units = {}

local TIMES = { ms = 0.001, s = 1, m = 60, h = 3600, d = 86400 }
local SIZES = { k = 1024, K = 1024, M = 1024 ^ 2, G = 1024 ^ 3 }
local COUNTS = { k = 1e3, M = 1e6, G = 1e9 }

local function finite(number)
  return number and number >= 0 and number < 9e15 and number or nil
end

-- Clients send some of them (`?since=`), and a pattern takes time that grows
-- with the square of a text it does not fit.
local BYTES_MAX = 40

local function parse(value, factors)
  if type(value) == "number" then return finite(value) end
  if type(value) ~= "string" or #value > BYTES_MAX then return nil end
  local digits, suffix = value:match("^(%d+%.?%d*)(%a*)$")
  if not digits then return nil end
  local factor = suffix == "" and 1 or factors[suffix]
  return factor and finite(tonumber(digits) * factor)
end

local function whole(number)
  return number and math.floor(number + 0.5)
end

-- In seconds; a number alone is seconds.
function units.duration(value) return parse(value, TIMES) end

-- In bytes; k, M, G are powers of 1024.
function units.size(value) return whole(parse(value, SIZES)) end

-- How many; k, M, G are powers of 1000.
function units.count(value)
  local number = parse(value, COUNTS)
  return number and number == math.floor(number) and number or nil
end

-- "20%" or 0.2: between 0 and 1.
function units.share(value)
  local share
  if type(value) == "string" then
    local digits = value:match("^(%d+%.?%d*)%%$")
    share = digits and tonumber(digits) / 100
  elseif type(value) == "number" then
    share = value
  end
  return share and share >= 0 and share <= 1 and share or nil
end

-- "50/s" "100/m": how many a second.
function units.rate(value)
  if type(value) ~= "string" then return nil end
  local count, unit = value:match("^(.-)/(%a+)$")
  local number = count and parse(count, COUNTS)
  return number and TIMES[unit] and number / TIMES[unit] or nil
end

return units
