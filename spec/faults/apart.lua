-- SPDX-License-Identifier: MIT
--- npm's EventSource as a client of a run: it comes back by itself, and reads
-- with a parser that we have not written. What it says of its connections is
-- too little to judge them by: only its events count.
local uv = require "luv"
local cjson = require "cjson"
local node = require "spec.support.node"

local apart = {}
local methods = {}
local metatable = { __index = methods }

--- Opens one at `url`, a stream of `channels`, and waits until it is there.
function apart.open(url, channels)
  local self = setmetatable({
    name = "npm's eventsource",
    channels = channels,
    taken = 0, -- lines of before this round
    process = node.start("eventsource.js", { url }),
  }, metatable)
  self.process:wait_line { type = "open" }
  self:begin_log()
  return self
end

--- The id it would come back with, if it has had an event.
function methods:last_id()
  local values = self.process:lines()
  for i = #values, self.taken + 1, -1 do
    if values[i].lastEventId then return values[i].lastEventId end
  end
  return self.position
end

function methods:begin_log()
  self.position = self:last_id()
  self.taken = #self.process.values
  self.began_at = tonumber(uv.hrtime())
end

--- What it met since the round began, in the form of checker.lua.
function methods:log()
  local log, values = {}, self.process:lines()
  if not self.position then log[1] = { what = "open", at = self.began_at } end
  for i = self.taken + 1, #values do
    local value = values[i]
    if value.type == "gap" then
      log[#log + 1] = { what = "gap", id = value.lastEventId, data = cjson.decode(value.data) }
    elseif value.type == "message" then
      log[#log + 1] = { what = "event", id = value.lastEventId, text = value.data }
    elseif value.type == "error" and value.state == 2 then
      log[#log + 1] = { what = "refused", text = value.message or "it gave up" }
    end
  end
  return log
end

function methods:stop()
  self.process:stop()
end

return apart
