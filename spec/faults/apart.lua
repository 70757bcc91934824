-- SPDX-License-Identifier: MIT
--- npm's EventSource as a client of a run: it comes back by itself, and reads
-- with a parser that we have not written. What it says of its connections is
-- too little to judge them by: only its events count.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"

local SCRIPT = "spec/support/node/eventsource.js"

local apart = {}
local methods = {}
local metatable = { __index = methods }

local function take_value(self, value)
  local log = self.entries
  if value.type == "open" then
    self.is_there = true
  elseif value.type == "gap" then
    log[#log + 1] = { what = "gap", id = value.lastEventId, data = cjson.decode(value.data) }
    self.id = value.lastEventId
  elseif value.type == "message" then
    log[#log + 1] = { what = "event", id = value.lastEventId, text = value.data }
    self.id = value.lastEventId
  elseif value.type == "error" and value.state == 2 then
    log[#log + 1] = { what = "refused", text = value.message or "it gave up" }
  end
end

-- Its output is a JSON value a line.
local function take_bytes(self, bytes)
  local at = 1
  while true do
    local stop = bytes:find("\n", at, true)
    self.pieces[#self.pieces + 1] = bytes:sub(at, stop and stop - 1)
    if not stop then return end
    take_value(self, cjson.decode(table.concat(self.pieces)))
    self.pieces, at = {}, stop + 1
  end
end

--- Opens one at `url`, a stream of `channels`, and waits until it is there.
function apart.open(url, channels)
  local self = setmetatable({
    name = "npm's eventsource",
    channels = channels,
    pieces = {}, -- of a line that is not whole
    entries = {},
    is_there = false,
  }, metatable)
  self.process = process.start("node", { SCRIPT, url }, {
    on_out = function(bytes) take_bytes(self, bytes) end,
  })
  eventually(function() return self.is_there end)
  self:begin_log()
  return self
end

function methods:begin_log()
  self.position = self.id
  self.entries = {}
  -- Who has had nothing yet is owed what is asked for from now on.
  if not self.id then self.entries[1] = { what = "open", at = tonumber(uv.hrtime()) } end
end

--- What it met since the round began, in the form of checker.lua.
function methods:log()
  return self.entries
end

function methods:stop()
  self.process:kill "sigterm"
  self.process:wait()
end

return apart
