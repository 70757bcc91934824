-- SPDX-License-Identifier: MIT
-- The text of a config file, read as tokens: Lua keeps only the line of a
-- call, but a complaint names the line of the setting itself; and a setting
-- given twice can be seen nowhere else.
local source = {}
source.__index = source

local PATTERNS = {
  { "name", "^[%a_][%w_]*" }, { "number", "^%.?%d[%w%.]*" },
  { "mark", "^[=~<>]=" }, { "mark", "^%.%.%.?" }, { "mark", "^." },
}

-- Where the string that begins at `at` ends.
local function string_end(text, at)
  local quote = text:sub(at, at)
  local stop = at + 1
  while true do
    local found = text:find('["\'\\\n]', stop)
    if not found then return #text end
    local char = text:sub(found, found)
    if char == quote or char == "\n" then return found end
    stop = found + (char == "\\" and 2 or 1)
  end
end

local function long_end(text, level, from)
  local _, stop = text:find("]" .. level .. "]", from, true)
  return stop or #text
end

local function token_at(text, at)
  local level = text:match("^%[(=*)%[", at)
  if level then return "string", long_end(text, level, at) end
  if text:find("^%-%-", at) then
    level = text:match("^%-%-%[(=*)%[", at)
    if level then return nil, long_end(text, level, at) end
    return nil, (text:find("\n", at, true) or #text + 1) - 1
  end
  if text:find("^[\"']", at) then return "string", string_end(text, at) end
  for _, pattern in ipairs(PATTERNS) do
    local _, stop = text:find(pattern[2], at)
    if stop then return pattern[1], stop end
  end
  return nil, at
end

local function tokens_of(text)
  local tokens, at, line = {}, 1, 1
  while true do
    local from = text:find("%S", at)
    if not from then return tokens end
    line = line + select(2, text:sub(at, from - 1):gsub("\n", ""))
    local kind, stop = token_at(text, from)
    local piece = text:sub(from, stop)
    if kind then
      tokens[#tokens + 1] = { kind = kind, text = piece, line = line }
    end
    line = line + select(2, piece:gsub("\n", ""))
    at = stop + 1
  end
end

local function text_at(tokens, i)
  local token = tokens[i]
  return token and token.kind ~= "string" and token.text or nil
end

local function string_at(tokens, i)
  local token = tokens[i]
  return token and token.kind == "string"
    and token.text:match("^[\"'](.*)[\"']$") or nil
end

local function name_at(tokens, i)
  local token = tokens[i]
  return token and token.kind == "name" and token.text or nil
end

-- The word and the name that the table opened by token `i` is given to:
-- word {…}, word({…}, word "name" {…}, word("name") {…},
-- word("name", {…}.
local function head_of(tokens, i)
  local before = text_at(tokens, i - 1)
  if before == "(" then return name_at(tokens, i - 2) end
  if before == ")" and string_at(tokens, i - 2) then
    return name_at(tokens, i - 4), string_at(tokens, i - 2)
  end
  if before == "," and string_at(tokens, i - 2) then
    return name_at(tokens, i - 4), string_at(tokens, i - 2)
  end
  local name = string_at(tokens, i - 1)
  if name then
    local word = i - 2
    if text_at(tokens, word) == "(" then word = word - 1 end
    return name_at(tokens, word), name
  end
  return name_at(tokens, i - 1)
end

local OPENS = { ["("] = true, ["["] = true, ["function"] = true,
  ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { [")"] = true, ["]"] = true, ["}"] = true, ["end"] = true,
  ["until"] = true }

-- The key of the field that begins at token `i`, if it has one.
local function key_at(tokens, i)
  if text_at(tokens, i + 1) == "=" then return name_at(tokens, i) end
  if text_at(tokens, i) == "[" and text_at(tokens, i + 2) == "]"
      and text_at(tokens, i + 3) == "=" then
    return string_at(tokens, i + 1)
  end
  return nil
end

local function begin_field(tokens, i, frame)
  local key = key_at(tokens, i)
  frame.key = key
  if not key then return end
  local field = frame.fields[key]
  if field then
    field.again = tokens[i].line
  else
    frame.fields[key] = { line = tokens[i].line }
  end
end

-- All table constructors: { word, name, line, fields = { key → { line,
-- again = line of a second one, inner = constructor } } }.
local function constructors_of(tokens)
  local all, stack = {}, {}
  for i, token in ipairs(tokens) do
    local text, top = text_at(tokens, i), stack[#stack]
    if text == "{" then
      local frame = { line = token.line, fields = {} }
      frame.word, frame.name = head_of(tokens, i)
      if top and top.key and text_at(tokens, i - 1) == "=" then
        top.fields[top.key].inner = frame
      end
      all[#all + 1], stack[#stack + 1] = frame, frame
      begin_field(tokens, i + 1, frame)
    elseif text and OPENS[text] then
      stack[#stack + 1] = {}
    elseif text and CLOSES[text] then
      stack[#stack] = nil
    elseif (text == "," or text == ";") and top and top.fields then
      begin_field(tokens, i + 1, top)
    end
  end
  return all
end

function source.new(path, text)
  return setmetatable({ path = path, text = text,
    constructors = constructors_of(tokens_of(text)) }, source)
end

-- The constructor of a call of `word` with `name` near `line`.
local function find(self, word, name, line)
  local best, distance
  for _, constructor in ipairs(self.constructors) do
    if constructor.word == word and (not name or constructor.name == name) then
      local away = math.abs(constructor.line - line)
      if not best or away < distance then best, distance = constructor, away end
    end
  end
  return best
end

-- The line of the setting `keys` (outermost first) of that call, or of the
-- last of them that stands in the text; else `line`.
function source:setting_line(word, name, line, keys)
  local constructor = find(self, word, name, line)
  for _, key in ipairs(keys) do
    local field = constructor and constructor.fields[key]
    if not field then break end
    line, constructor = field.line, field.inner
  end
  return line
end

-- Calls `tell(line, text)` for each setting that stands twice in one table.
function source:doubles(tell)
  for _, constructor in ipairs(self.constructors) do
    for key, field in pairs(constructor.fields) do
      if field.again then
        local prefix = ""
        if constructor.word and constructor.name then
          prefix = ('%s "%s": '):format(constructor.word, constructor.name)
        elseif constructor.word then
          prefix = constructor.word .. ": "
        end
        tell(field.again, ('%s"%s" is given twice, first on line %d')
          :format(prefix, key, field.line))
      end
    end
  end
end

return source
