-- SPDX-License-Identifier: MIT
-- An event as scripts see it: .data (decoded when first read) .text .event
-- .id .key .time .channel
local json = require "stentor.json"

local event = {}

-- Text that is not JSON is its own data.
local function decode(self)
  local value, why = json.decode(self.text)
  if why then value = self.text end
  self.data = value
  return value
end

local mt = { __index = function(self, name)
  if name == "data" then return decode(self) end
  return nil
end, __tostring = function() return "an event" end }

-- Takes over `fields`.
function event.new(fields)
  return setmetatable(fields, mt)
end

-- From a record as core.recent gives it: reads the frame's lines.
function event.of_record(channel, record)
  local fields = { channel = channel, id = record.id, time = record.time,
    key = record.key ~= "" and record.key or nil }
  local data = {}
  for name, value in record.frame:gmatch("(%l+): ?([^\n]*)\n") do
    if name == "data" then
      data[#data + 1] = value
    elseif name == "event" then
      fields.event = value
    end
  end
  fields.text = table.concat(data, "\n")
  return event.new(fields)
end

return event
