-- SPDX-License-Identifier: MIT
-- Loads the scripts of a config: reads, compiles, runs them in their strict
-- environment, and puts what goes wrong into plain words.
local sandbox = require "stentor.config.sandbox"
local source = require "stentor.config.source"

local loader = {}

-- The compiler's messages in plain words; the first that fits.
local SENTENCES = {
  { "^'}' expected %(to close '{' at line (%d+)%) near '(.*)'$",
    'a comma, or the "}" of the table that begins on line %s, '
      .. 'is missing before "%s"' },
  { "^'}' expected near '(.*)'$",
    'a comma or the "}" of a table is missing before "%s"' },
  { "^'end' expected %(to close '(%w+)' at line (%d+)%) near '(.*)'$",
    'the "end" of the "%s" on line %s is missing before "%s"' },
  { "^'%)' expected %(to close '%(' at line (%d+)%) near '(.*)'$",
    'the ")" of the "(" on line %s is missing before "%s"' },
  { "^'then' expected near '='$",
    'a comparison is written "==": "then" is missing before "="' },
  { "^'<name>' expected near '(.*)'$", "a name is missing before %s" },
  { "^'(.-)' expected near '(.*)'$", '"%s" is missing before "%s"' },
  { "^unexpected symbol near '(<eof>)'$",
    "the file ends in the middle of a statement" },
  { "^unexpected symbol near '(.*)'$", '"%s" cannot stand here' },
  { "^unfinished string near '(.*)'$", "a text is not closed: %s" },
  { "^unfinished long (%w+) near", "a long %s is not closed" },
}

-- "'<eof>'" is the compiler's name for the end of the file.
function loader.plain(message)
  for _, row in ipairs(SENTENCES) do
    local captures = { message:match(row[1]) }
    if captures[1] then
      if captures[1] == "<eof>" and captures[2] then
        return ('"%s" is one too many'):format(captures[2])
      end
      local text = row[2]:format(unpack(captures))
      return (text:gsub('"<eof>"', "the end of the file")
        :gsub("<eof>", "the end of the file"))
    end
  end
  return message
end

-- The text of a file, or nil, why.
function loader.read(path)
  local handle, why = io.open(path, "rb")
  if not handle then return nil, (why:gsub("^.*: ", "")) end
  local text, read_why = handle:read("*a")
  handle:close()
  if not text then return nil, read_why end
  return text
end

-- `path` as seen from the folder of config.lua.
function loader.resolve(server, path)
  return path:sub(1, 1) == "/" and path or server.folder .. path
end

local function compile(server, path, text)
  server.sources[path] = source.new(path, text)
  server.complaints:file(path)
  if text:byte(1) == 27 then
    server.complaints:add(path, nil, "is bytecode, not a text")
    return nil
  end
  local chunk, message = loadstring((text:gsub("^#[^\n]*", "")), "@" .. path)
  if chunk then return chunk end
  -- The position is the last ":12: " before the words, whatever the path is.
  local line, words = message:match(":(%d+): (.*)$")
  server.complaints:add(path, tonumber(line), loader.plain(words or message))
  return nil
end

-- An error's text in one line, without the position if that is `path` and
-- `line` (Lua shortens long paths to "...").
local function one_line(problem, path, line)
  local module = tostring(problem):match("^module '(.-)' not found:\n")
    or tostring(problem):match(": module '(.-)' not found:\n")
  if module then return ('there is no module "%s"'):format(module) end
  local text = tostring(problem):gsub("\n.*", "")
  local at, number, rest = text:match("^(.-):(%d+): (.*)$")
  if at and tonumber(number) == line
      and (at == path or at:sub(1, 3) == "...") then
    return rest
  end
  return text
end

-- An error handler: it can still see the script's line.
local function locate(server)
  return function(problem)
    local path, line = server:where()
    return { path = path, line = line, text = one_line(problem, path, line) }
  end
end

-- Calls `fn(...)`; an error becomes a complaint with `prefix`. Returns whether
-- all went well, and the first value that `fn` returned.
function loader.call(server, prefix, fn, ...)
  local ok, value = xpcall(fn, locate(server), ...)
  if ok then return true, value end
  server.complaints:add(value.path, value.line, prefix .. value.text)
  return false
end

-- Runs `text` as the script `path` in `environment`; returns as loader.call.
function loader.run(server, path, text, environment)
  local chunk = compile(server, path, text)
  if not chunk then return false end
  server.sources[path]:doubles(function(line, complaint)
    server.complaints:add(path, line, complaint)
  end)
  sandbox.scan(server, chunk, path, environment)
  setfenv(chunk, environment)
  return loader.call(server, "", chunk)
end

return loader
