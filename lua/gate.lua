-- SPDX-License-Identifier: MIT
-- Gates (`admit`): functions that let a request or an event pass by returning
-- nothing (or true), or refuse it as a handler answers: `status, body, headers`
-- or `later "30s"`. A gate that throws refuses.
local event = require "stentor.event"
local json = require "stentor.json"
local refusal = require "stentor.refusal"

local gate = {}

gate.expects = "a function (a gate) or a list of them"

-- One gate or a list as a list; nil if it is neither.
function gate.list(value)
  if type(value) == "function" then return { value } end
  if type(value) ~= "table" or getmetatable(value) or #value == 0 then
    return nil
  end
  for _, one in ipairs(value) do
    if type(one) ~= "function" then return nil end
  end
  return value
end

-- Whether what a gate returned lets pass: true; false if it refuses; or nil
-- and what is wrong with it.
function gate.verdict(first)
  if first == nil or first == true then return true end
  if type(first) == "number" or refusal.is(first) then return false end
  return nil, ("a gate returned a %s: nothing lets pass, a status refuses")
    :format(type(first))
end

-- What an event is after its channel's gate: text and name. A refusal is
-- thrown to who publishes.
function gate.admit_event(channel, text, name)
  local offered = event.new { channel = channel, text = text,
    event = name ~= "" and name or nil, time = channel.server.core.now() }
  local first, body, headers = channel.settings.admit(offered)
  local passes, why = gate.verdict(first)
  if passes == nil then error(why, 0) end
  if not passes then
    if refusal.is(first) then error(first, 0) end
    error(refusal.new(first, body, headers), 0)
  end
  if offered.text ~= text then return offered.text, offered.event or "" end
  -- It was read, so it may have been changed in place.
  local data = rawget(offered, "data")
  if data ~= nil then
    text = type(data) == "string" and data or json.encode(data)
  end
  return text, offered.event or ""
end

return gate
