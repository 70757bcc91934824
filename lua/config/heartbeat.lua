-- SPDX-License-Identifier: MIT
-- `heartbeat { every jitter idle event text id }`, a bare interval, or a
-- function of the request that returns one of these: as the workers execute it.
local schema = require "stentor.config.schema"
local standin = require "stentor.config.standin"
local types = require "stentor.types"

local heartbeat = {}

local FRAME_MAX = 511

local function one_line(value)
  return type(value) == "string" and not value:find("[\r\n%z]") and value or nil
end

local line = types.custom("line", "a text of one line", one_line)

local FIELDS = {
  every = types.any('a duration such as "15s", or false', {
    types.duration { min = "100ms", max = "1h" },
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

-- From the checked settings; what concerns several of them is told by
-- `tell(name, text)`.
local function compose(settings, tell)
  local every = settings.every or 0
  if settings.event == "" or settings.event == "gap" then
    tell("event", settings.event == "" and "the name is empty"
      or 'the name "gap" is reserved')
  end
  local frame = frame_of(settings)
  if #frame > FRAME_MAX then
    tell("text", ("the heartbeat is longer than %d bytes"):format(FRAME_MAX))
  end
  if every > 0 and every < 0.1 then
    tell("every", "must be at least 100ms, or false for none")
  end
  return { every_ms = math.floor(every * 1000 + 0.5), frame = frame,
    jitter_percent = math.floor(settings.jitter * 100 + 0.5),
    idle_only = settings.idle, with_id = settings.id }
end

local function extended(keys, name)
  local longer = { unpack(keys) }
  longer[#longer + 1] = name
  return longer
end

-- A table or a bare interval as the plan has it; nil if it is unsound. The
-- keys lead to it, for `tell(keys, text, whole)`.
function heartbeat.check(given, tell, keys)
  if type(given) ~= "table" or getmetatable(given) then
    given = { every = given }
  end
  local checked, sound = schema.check(FIELDS, given, tell, keys)
  if not sound then return nil end
  local composed = compose(checked, function(name, text)
    sound = false
    tell(extended(keys, name), text)
  end)
  return sound and composed or nil
end

-- As a setting: a function stays one.
heartbeat.setting = { is_type = true, kind = "heartbeat", optional = true,
  check = function(_, value, tell, keys)
    if standin.is(value) or type(value) == "function" then return value end
    return heartbeat.check(value, tell, keys)
  end }

return heartbeat
