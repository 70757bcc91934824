-- SPDX-License-Identifier: MIT
-- The one grammar of the names of routes and channels: segments between "/",
-- each literal, ":id" (one segment) or, at the end, "*rest" (all that follow).
local utf8 = require "stentor.utf8"

local names = {}

local BYTES_MAX = 199 -- JOURNAL_NAME_BYTES of core/journal/layout.h, less a NUL

local function parse_segment(text, last)
  local mark, name = text:match("^([:*])(.*)$")
  if not mark then
    if text:find("[%c %?#%%:*]") then
      return nil, ('"%s" has a character that a name cannot have'):format(text)
    end
    return { kind = "literal", text = text }
  end
  if not name:find("^[%a_][%w_]*$") then
    return nil, ('"%s" must be a name: letters, digits and _'):format(text)
  end
  if mark == "*" and not last then
    return nil, ('"%s" can only be the last segment'):format(text)
  end
  return { kind = mark == ":" and "one" or "rest", text = name }
end

-- Splits at "/": "a/b" is two segments, "a/" too (the second is empty).
function names.split(path)
  local segments, from = {}, 1
  while true do
    local slash = path:find("/", from, true)
    segments[#segments + 1] = path:sub(from, (slash or 0) - 1)
    if not slash then return segments end
    from = slash + 1
  end
end

local function parse(text)
  local parsed = { text = text, segments = {}, params = {} }
  local pieces, seen, shape = names.split(text), {}, {}
  for i, piece in ipairs(pieces) do
    local segment, why = parse_segment(piece, i == #pieces)
    if not segment then return nil, why end
    parsed.segments[i] = segment
    if segment.kind == "literal" then
      shape[i] = piece
    else
      if seen[segment.text] then
        return nil, ('"%s" is in it twice'):format(piece)
      end
      seen[segment.text] = true
      parsed.params[#parsed.params + 1] = segment.text
      shape[i] = piece:sub(1, 1)
    end
  end
  parsed.shape = table.concat(shape, "/")
  return parsed
end

-- A channel's name, as { text, segments, params, shape }; or nil, why. Two
-- names of one shape cover the same things.
function names.channel(text)
  if type(text) ~= "string" or text == "" then
    return nil, "its name must be a text that is not empty"
  end
  if #text > BYTES_MAX then
    return nil, ("its name is longer than %d bytes"):format(BYTES_MAX)
  end
  if ("/" .. text .. "/"):find("//", 1, true) then
    return nil, 'its name has an empty segment: no "/" at the ends, no "//"'
  end
  return parse(text)
end

local METHODS = { GET = true, HEAD = true, POST = true, PUT = true,
  PATCH = true, DELETE = true, OPTIONS = true }

-- "METHOD /path" of a route, like names.channel with `method` and `path`.
function names.route(text)
  if type(text) ~= "string" then
    return nil, 'its name must be a text such as "GET /events"'
  end
  local method, path = text:match("^(%S+) +(/%S*)$")
  if not method then
    return nil, 'its name must be a method, a space and a path, '
      .. 'such as "GET /events"'
  end
  if not METHODS[method] then
    local upper = method:upper()
    return nil, ('unknown method "%s"'):format(method)
      .. (METHODS[upper] and (', did you mean "%s"?'):format(upper) or "")
  end
  local parsed, why = parse(path:sub(2))
  if not parsed then return nil, why end
  parsed.text, parsed.method, parsed.path = text, method, path
  parsed.shape = method .. " /" .. parsed.shape
  return parsed
end

-- How many literal segments of the family `parsed` the member `name` has; nil
-- if it is none of its.
function names.covers(parsed, name)
  local pieces, segments, literals = names.split(name), parsed.segments, 0
  for i, segment in ipairs(segments) do
    if not pieces[i] then return nil end
    if segment.kind == "literal" then
      if segment.text ~= pieces[i] then return nil end
      literals = literals + 1
    elseif segment.kind == "rest" then
      return literals
    end
  end
  return #pieces == #segments and literals or nil
end

-- Clients choose them, and they stand in the log and in `stentor status`: the
-- control characters beyond ASCII are none for a terminal either.
local function is_clean(value)
  return not value:find("%c") and utf8.is_valid(value)
    and not value:find("\194[\128-\159]")
end

-- The name of a family's member: `values` in the order of the parameters.
function names.fill(parsed, values)
  local filled, at = {}, 0
  for i, segment in ipairs(parsed.segments) do
    if segment.kind == "literal" then
      filled[i] = segment.text
    else
      at = at + 1
      local value = values[at]
      if type(value) == "number" then value = ("%.14g"):format(value) end
      if type(value) ~= "string" or value == "" then
        return nil, ('"%s" must be a text that is not empty')
          :format(segment.text)
      end
      if not is_clean(value)
          or segment.kind == "one" and value:find("/", 1, true)
          or ("/" .. value .. "/"):find("//", 1, true) then
        return nil, ('"%s" has a character that a name cannot have')
          :format(segment.text)
      end
      filled[i] = value
    end
  end
  local name = table.concat(filled, "/")
  if #name > BYTES_MAX then
    return nil, ("the name is longer than %d bytes"):format(BYTES_MAX)
  end
  return name
end

return names
