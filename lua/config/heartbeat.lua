-- SPDX-License-Identifier: MIT
-- `heartbeat { every jitter idle event text id }` as the workers execute it.
local types = require "stentor.types"

local heartbeat = {}

local FRAME_MAX = 511

local function one_line(value)
  return type(value) == "string" and not value:find("[\r\n%z]") and value or nil
end

local line = types.custom("line", "a text of one line", one_line)

heartbeat.fields = {
  every = types.any('a duration such as "15s", or false', {
    types.duration { max = "1h" },
    types.one_of { false },
  }, { default = "15s" }),
  jitter = types.share { default = "20%" },
  idle = types.boolean { default = false },
  event = line { optional = true },
  text = line { optional = true },
  id = types.boolean { default = false },
}

local function frame_of(settings)
  if settings.event then
    return ("event: %s\ndata: %s\n\n"):format(settings.event,
      settings.text or "")
  end
  local comment = settings.text and ": " .. settings.text .. "\n" or ":\n"
  -- The id takes effect only with the blank line that ends an event.
  return settings.id and comment .. "\n" or comment
end

-- From the checked settings; mistakes that concern several of them are told by
-- `tell(keys, text)`.
function heartbeat.compose(settings, tell)
  local every = settings.every or 0
  if settings.event == "" or settings.event == "gap" then
    tell({ "event" }, settings.event == "" and "the name is empty"
      or 'the name "gap" is reserved')
  end
  local frame = frame_of(settings)
  if #frame > FRAME_MAX then
    tell({ "text" }, ("the heartbeat is longer than %d bytes")
      :format(FRAME_MAX))
    frame = ":\n"
  end
  if every > 0 and every < 0.1 then
    tell({ "every" }, "must be at least 100ms, or false for none")
  end
  return { every_ms = math.floor(every * 1000 + 0.5), frame = frame,
    jitter_percent = math.floor(settings.jitter * 100 + 0.5),
    idle_only = settings.idle, with_id = settings.id }
end

return heartbeat
