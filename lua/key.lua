-- SPDX-License-Identifier: MIT
-- A key of an event: a path into its data ("payload.user") or a function of
-- the event. key.new() makes of either a function event → text or nil.
local key = {}

-- How a value stands as a key; nil if it cannot.
local function text_of(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then return ("%.14g"):format(value) end
  if kind == "boolean" then return tostring(value) end
  return nil
end

key.text = text_of

function key.new(given)
  if type(given) == "function" then
    return function(event) return text_of(given(event)) end
  end
  local steps = {}
  for step in given:gmatch("[^.]+") do
    -- List entries can be named too: "items.1".
    steps[#steps + 1] = { step, tonumber(step) }
  end
  return function(event)
    local value = event.data
    for i = 1, #steps do
      if type(value) ~= "table" then return nil end
      local step = steps[i]
      local inner = value[step[1]]
      if inner == nil and step[2] then inner = value[step[2]] end
      value = inner
    end
    return text_of(value)
  end
end

-- Whether `text` is a path that key.new() understands.
function key.is_path(text)
  return type(text) == "string" and text ~= ""
    and not text:find("[%c%s]") and not ("." .. text .. "."):find("..", 1, true)
end

return key
