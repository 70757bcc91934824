-- SPDX-License-Identifier: MIT
-- A part of core.lua: what this brain leaves for the next one, as texts under
-- names or as packed values.
local pack = require "stentor.core.pack"

local function check_text(value, what)
  if type(value) ~= "string" then
    error(("core: %s must be a text"):format(what), 3)
  end
end

return function(self, ffi, brain, failure)
  local C = ffi.C
  local kept = ffi.new("struct stentor_text")

  local function put(name, bytes, size)
    local code = C.stentor_keep_put(brain, name, #name, bytes, size)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- true; or nil, message, name.
  function self.keep_put(name, text)
    check_text(name, "the name of what is kept")
    check_text(text, "what is kept")
    return put(name, text, #text)
  end

  -- The text; or nil, message, name.
  function self.keep_get(name)
    local code = C.stentor_keep_get(brain, name, #name, kept)
    if code ~= 0 then return failure(code) end
    if kept.size == 0 then return "" end
    return ffi.string(kept.bytes, kept.size)
  end

  function self.keep_remove(name)
    local code = C.stentor_keep_remove(brain, name, #name)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- The names of all that is kept.
  function self.keep_names()
    local names, row = {}, 0
    while true do
      local name = C.stentor_keep_name(brain, row)
      if name == nil then return names end
      name = ffi.string(name)
      if name ~= "" then names[#names + 1] = name end
      row = row + 1
    end
  end

  -- As keep_put and keep_get for large things, without a Lua string of all of
  -- it: `fill(writer)` writes the values, `read(reader)` reads them again in
  -- the same order (pack.lua). What `read` returns, or nil, why.
  local writer = pack.writer(ffi)
  function self.keep_packed(name, fill)
    check_text(name, "the name of what is kept")
    writer.reset()
    fill(writer)
    local bytes, size = writer.bytes()
    local ok, message, code = put(name, bytes, size)
    writer.trim()
    return ok, message, code
  end

  function self.kept_packed(name, read)
    local code = C.stentor_keep_get(brain, name, #name, kept)
    if code ~= 0 then return failure(code) end
    return read(pack.reader(ffi, kept.bytes, kept.size))
  end
end
