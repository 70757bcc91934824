-- SPDX-License-Identifier: MIT
-- JSON without surprises. Decoding is lua-cjson's, but an empty list stays one
-- (lua-cjson would write it back as {}). Encoding is our own: keys in order,
-- so that equal data gives equal text; numbers in the shortest form that reads
-- back the same; and what JSON cannot say is an error, not a guess.
local cjson = require "cjson"

local json = { null = cjson.null }

local DEPTH_MAX = 100
local DEPTH_GIVEN = 90 -- a handler puts what it is given into tables of its own

local function decoder_new(depth)
  local decoder = cjson.new()
  decoder.decode_max_depth(depth)
  decoder.decode_invalid_numbers(false)
  return decoder
end

local any, given = decoder_new(DEPTH_MAX), decoder_new(DEPTH_GIVEN)

-- The metatable of an empty list.
local LIST = { __name = "json list" }

-- Says that `list` is one also when it is empty.
function json.list(list) return setmetatable(list or {}, LIST) end

function json.is_list(value) return getmetatable(value) == LIST end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b",
  ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

local function string_text(text)
  if text:find('[%c"\\]') then text = text:gsub('[%c"\\]', escape) end
  return '"' .. text .. '"'
end

local function number_text(number)
  if number ~= number or number == 1 / 0 or number == -1 / 0 then
    error(("JSON cannot say %s"):format(tostring(number)), 0)
  end
  if number == math.floor(number) and number > -1e15 and number < 1e15 then
    return ("%d"):format(number)
  end
  local text = ("%.14g"):format(number)
  if tonumber(text) ~= number then text = ("%.16g"):format(number) end
  if tonumber(text) ~= number then text = ("%.17g"):format(number) end
  return text
end

local write

local function write_list(out, at, list, depth)
  local count = 0
  for _ in pairs(list) do count = count + 1 end
  if count ~= #list then
    error("a table with a list and other keys, or a list with holes "
      .. "(json.null fills them), cannot be JSON", 0)
  end
  at = at + 1
  out[at] = "["
  for i = 1, count do
    if i > 1 then
      at = at + 1
      out[at] = ","
    end
    at = write(out, at, list[i], depth)
  end
  out[at + 1] = "]"
  return at + 1
end

local function write_object(out, at, object, depth)
  local keys, values = {}, {}
  for key, value in pairs(object) do
    local kind = type(key)
    if kind == "number" then
      key = number_text(key)
    elseif kind ~= "string" then
      error(("a table's key that is a %s cannot be JSON"):format(kind), 0)
    end
    keys[#keys + 1], values[key] = key, value
  end
  table.sort(keys)
  at = at + 1
  out[at] = "{"
  for i = 1, #keys do
    if i > 1 then
      at = at + 1
      out[at] = ","
    end
    out[at + 1] = string_text(keys[i])
    out[at + 2] = ":"
    at = write(out, at + 2, values[keys[i]], depth)
  end
  out[at + 1] = "}"
  return at + 1
end

-- A channel, an event, a request: what has a text of its own is no data.
local function refuse_object(value)
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    error(tostring(value) .. " cannot be JSON: take out of it what you need", 0)
  end
end

function write(out, at, value, depth)
  local kind = type(value)
  if kind == "table" then
    refuse_object(value)
    if depth >= DEPTH_MAX then
      error("a table within tables, deeper than " .. DEPTH_MAX
        .. " (or in itself), cannot be JSON", 0)
    end
    if value[1] ~= nil or getmetatable(value) == LIST and not next(value) then
      return write_list(out, at, value, depth + 1)
    end
    return write_object(out, at, value, depth + 1)
  end
  local text
  if kind == "string" then text = string_text(value)
  elseif kind == "number" then text = number_text(value)
  elseif kind == "boolean" then text = tostring(value)
  elseif value == nil or value == cjson.null then text = "null"
  else error(("a %s cannot be JSON"):format(kind), 0) end
  out[at + 1] = text
  return at + 1
end

-- The text of `value`; what JSON cannot say is an error.
function json.encode(value)
  local out = {}
  write(out, 0, value, 0)
  return table.concat(out)
end

-- Empty lists outside of strings become lists of one mark, which lua-cjson
-- keeps apart from objects. Nobody knows it, so nobody can send it.
local function new_mark()
  local random = assert(io.open("/dev/urandom", "rb"))
  local bytes = random:read(16)
  random:close()
  return "empty list " .. bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end)
end

local MARK = new_mark()

local function mark_lists(text)
  local out, from = {}, 1
  while true do
    local at = text:find('["%[]', from)
    if not at then break end
    local stop
    if text:byte(at) == 34 then
      stop = at + 1
      while true do
        stop = text:find('["\\]', stop)
        if not stop then return text end
        if text:byte(stop) == 34 then break end
        stop = stop + 2
      end
      out[#out + 1] = text:sub(from, stop)
    else
      local _, close = text:find("^%[%s*%]", at)
      stop = close or at
      out[#out + 1] = text:sub(from, at - 1)
      out[#out + 1] = close and '["' .. MARK .. '"]' or "["
    end
    from = stop + 1
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

local function unmark_lists(value)
  if type(value) ~= "table" then return value end
  if value[1] == MARK and value[2] == nil then return json.list() end
  for key, inner in pairs(value) do value[key] = unmark_lists(inner) end
  return value
end

local function has_infinity(value)
  if type(value) == "number" then return value == 1 / 0 or value == -1 / 0 end
  if type(value) ~= "table" then return false end
  for _, inner in pairs(value) do
    if has_infinity(inner) then return true end
  end
  return false
end

-- Only such numbers can be beyond what a double holds.
local function may_overflow(text)
  return text:find("%d[eE]%+?%d%d%d")
    or #text > 300 and text:find("%f[%d]" .. ("%d"):rep(100))
end

local function decode(text, decoder)
  if type(text) ~= "string" then
    return nil, ("expected a text, got a %s"):format(type(text))
  end
  if text:find("\0", 1, true) then -- lua-cjson would stop there
    return nil, "it holds a NUL"
  end
  local lists = text:find("%[%s*%]") ~= nil
  local ok, value = pcall(decoder.decode, lists and mark_lists(text) or text)
  if not ok then
    -- The whole position is right only in the text as it was.
    if lists then value = select(2, pcall(decoder.decode, text)) end
    return nil, (tostring(value):gsub("^.-:%d+: ", ""))
  end
  if lists then value = unmark_lists(value) end
  if may_overflow(text) and has_infinity(value) then
    return nil, "a number is too large"
  end
  return value
end

-- The value of `text`; or nil and what is wrong with it.
function json.decode(text) return decode(text, any) end

-- The same of what a client gave, which is still JSON within other tables.
function json.decode_given(text) return decode(text, given) end

return json
