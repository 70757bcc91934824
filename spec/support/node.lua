-- SPDX-License-Identifier: MIT
--- The clients from npm: scripts of spec/support/node, each a program that
-- prints one JSON value a line.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"

local node = {}
local methods = {}
local metatable = { __index = methods }

local function path_of(script, arguments)
  return { "spec/support/node/" .. script, unpack(arguments or {}) }
end

--- Runs a script to its end: what it printed, a list of lines; the exit code;
-- what it complained about.
function node.run(script, arguments, input)
  local done = process.run("node", path_of(script, arguments), { input = input })
  local lines = {}
  for line in done.out:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines, done.code, done.err
end

--- Starts a script that goes on.
function node.start(script, arguments)
  return setmetatable({
    process = process.start("node", path_of(script, arguments)),
    values = {}, -- decoded lines
    read = 0,    -- bytes of the output decoded so far
  }, metatable)
end

--- The values printed so far.
function methods:lines()
  local out = self.process.out
  for line, stop in out:sub(self.read + 1):gmatch "([^\n]*)\n()" do
    self.values[#self.values + 1] = cjson.decode(line)
    self.last = stop
  end
  if self.last then
    self.read = self.read + self.last - 1
    self.last = nil
  end
  return self.values
end

--- Waits for a value that `matches` (a function, or fields it must have), not
-- looking at the first `after`; returns it and its place.
function methods:wait_line(matches, after)
  local fields = type(matches) == "table" and matches
  local function fits(value)
    if not fields then return matches(value) end
    for name, wanted in pairs(fields) do
      if value[name] ~= wanted then return false end
    end
    return true
  end
  local found, place
  eventually(function()
    for i = (after or 0) + 1, #self:lines() do
      if fits(self.values[i]) then
        found, place = self.values[i], i
        return true
      end
    end
    local ended = self.process.code
    error(("no such line%s: %s %s"):format(ended and ", and it ended with code " .. ended or "",
      self.process.out:sub(-2000), self.process.err:sub(-2000)))
  end)
  return found, place
end

--- A line to its standard input.
function methods:send(line)
  self.process:write(line .. "\n")
end

--- Asks a page.js for the value of a JavaScript expression.
function methods:eval(expression)
  local before = #self:lines()
  self:send("eval " .. expression)
  local answer = self:wait_line(function(line)
    return line.type == "eval" or line.type == "failed"
  end, before)
  if answer.type == "failed" then error(answer.text, 2) end
  return answer.value
end

function methods:stop()
  self.process:kill "sigterm"
  self.process:wait()
end

return node
