-- SPDX-License-Identifier: MIT
-- Plain values as bytes: numbers as they lie in memory (also NaN and the
-- infinities), texts with their length, and any value with a tag before it.
-- For one program's own use: the reader is to be told by the same file.
-- `ffi` is core.lua's.
local json = require "stentor.json"

local pack = {}

local FIRST_BYTES, IDLE_BYTES = 4096, 2 ^ 20
local DEPTH_MAX = 100

-- What a table's key may be: nil stands for the table's end.
local KEYS = { string = true, number = true, boolean = true }

local NIL, FALSE, TRUE, NULL, NUMBER, TEXT, TABLE, LIST = 0, 1, 2, 3, 4, 5, 6, 7

-- number() text() value() write; bytes() gives pointer and size.
function pack.writer(ffi)
  local self = {}
  local capacity, size = 0, 0
  local room
  local number_room = ffi.new("double[1]")

  local function allocate(bytes)
    local larger = ffi.new("uint8_t[?]", bytes)
    if size > 0 then ffi.copy(larger, room, size) end
    room, capacity = larger, bytes
  end

  local function need(more)
    if size + more > capacity then
      allocate(math.max(2 * capacity, size + more, FIRST_BYTES))
    end
  end

  function self.reset() size = 0 end

  -- Gives memory back that a large state has needed.
  function self.trim()
    if capacity > IDLE_BYTES then
      size = 0
      allocate(FIRST_BYTES)
    end
  end

  function self.bytes() return room, size end

  function self.number(number)
    need(8)
    number_room[0] = number
    ffi.copy(room + size, number_room, 8)
    size = size + 8
  end

  function self.text(text)
    local length = #text
    self.number(length)
    need(length)
    ffi.copy(room + size, text, length)
    size = size + length
  end

  local function tag(kind)
    need(1)
    room[size] = kind
    size = size + 1
  end

  -- nil, booleans, numbers, texts, json.null, and tables of such; what else
  -- there is in a table is left out. Whether it could be written whole.
  local function value_of(value, depth)
    local kind = type(value)
    if kind == "number" then
      tag(NUMBER)
      self.number(value)
    elseif kind == "string" then
      tag(TEXT)
      self.text(value)
    elseif kind == "boolean" then
      tag(value and TRUE or FALSE)
    elseif kind == "table" and depth < DEPTH_MAX then
      local whole = true
      tag(json.is_list(value) and LIST or TABLE)
      for key, inner in next, value do
        if KEYS[type(key)] then
          value_of(key, depth + 1)
          whole = value_of(inner, depth + 1) and whole
        else
          whole = false
        end
      end
      tag(NIL)
      return whole
    elseif value == json.null then
      tag(NULL)
    else
      tag(NIL)
      return value == nil
    end
    return true
  end

  function self.value(value) return value_of(value, 0) end
  return self
end

-- number() text() value() read in the order of the writing; what is not there
-- is an error.
function pack.reader(ffi, bytes, size)
  local self, at = {}, 0
  local start = ffi.cast("const uint8_t *", bytes)
  local number_room = ffi.new("double[1]")

  local function take(count)
    if not (count >= 0 and at + count <= size) then
      error("what is kept ends too early", 0)
    end
    local place = start + at
    at = at + count
    return place
  end

  function self.number()
    ffi.copy(number_room, take(8), 8)
    return number_room[0]
  end

  function self.text()
    local length = self.number()
    return ffi.string(take(length), length)
  end

  function self.value()
    local kind = take(1)[0]
    if kind == NUMBER then return self.number() end
    if kind == TEXT then return self.text() end
    if kind == TRUE then return true end
    if kind == FALSE then return false end
    if kind == NULL then return json.null end
    if kind == NIL then return nil end
    if kind ~= TABLE and kind ~= LIST then
      error("what is kept is no value", 0)
    end
    local value = kind == LIST and json.list {} or {}
    while true do
      local key = self.value()
      if key == nil then return value end
      value[key] = self.value()
    end
  end
  return self
end

return pack
