-- SPDX-License-Identifier: MIT
--- What is asked of a server under faults by the commands `stentor reload` and
-- `stentor drain`: one at a time, beside all else. A broken config is mended as
-- soon as it has been refused, so that a brain that has to start does not find
-- it.
local process = require "spec.support.process"
local server = require "spec.support.server"

local reloads = {}
local methods = {}
local metatable = { __index = methods }

-- What may be added to a config so that it must be refused, and with what words.
local BROKEN = {
  { text = '\nroute "GET /x" { stream = nosuch, colour = "red" }\n', says = "colour" },
  { text = "\n}\n", says = "config.lua" },
  { text = "\nerror 'not this one'\n", says = "not this one" },
  { text = "\nwhile true do end\n", says = "2 s" },
  { text = "", change = { 'size = "4M"', 'size = "8M"' }, says = "journal" },
}

--- For `one`, a server of spec.support.server; `good()` is its config's text as
-- it is to be.
function reloads.new(one, good)
  return setmetatable({ server = one, good = good, wrong = {} }, metatable)
end

local function begin(self, command, on_end)
  self.on_end = on_end
  self.process = process.start(server.binary, { command, self.server.folder .. "/config.lua" })
end

--- True while one is under way.
function methods:is_busy()
  local done = self.process
  if not done then return false end
  if not done.code or done.open_pipes > 0 then return true end
  self.process = nil
  self.on_end(done.code, done.out .. done.err)
  return false
end

--- Reloads the config as it is to be. `on_end(code, text)` is told the outcome: a
-- fault may have come in between.
function methods:begin_good(on_end)
  self.server:configure(self.good())
  begin(self, "reload", function(code, said)
    if code == 0 then self.draining = false end
    if on_end then on_end(code, said) end
  end)
end

--- Ends all streams, and lets nobody in until a reload; `draining` says so.
function methods:begin_drain()
  self.draining = true
  begin(self, "drain", function(code, said)
    if code ~= 0 then self.wrong[#self.wrong + 1] = "it was not to be drained: " .. said end
  end)
end

--- Reloads one that must be refused; returns what is wrong with it.
function methods:begin_bad(random)
  local broken = random:one_of(BROKEN)
  local text = self.good() .. broken.text
  if broken.change then
    local at, last = text:find(broken.change[1], 1, true)
    text = text:sub(1, at - 1) .. broken.change[2] .. text:sub(last + 1)
  end
  self.server:configure(text)
  begin(self, "reload", function(code, said)
    self.server:configure(self.good())
    if code == 0 then
      self.wrong[#self.wrong + 1] = ("a config with %q was taken: %s"):format(broken.text, said)
    end
  end)
  return broken.says
end

return reloads
