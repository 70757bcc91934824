-- SPDX-License-Identifier: MIT
-- The part of lua/core.lua that concerns the life of a brain: what it tells the
-- supervisor, and what it shows outside of what it is at.

-- `tools`: { ffi, C, … } of core.lua.
return function(self, brain, tools)
  local ffi, C = tools.ffi, tools.C
  local doing = ffi.new("struct stentor_doing")
  local shown = nil

  local function set_text(text, value)
    text.bytes, text.size = value, #value
  end

  -- `what`: a route, hook, timer …: it has a `title`. One that is handed a
  -- record of a source also has `source` and `position`. nil: nothing.
  function self.doing(what)
    if what == shown and not (what and what.source) then return end
    shown = what
    set_text(doing.title, what and what.title or "")
    set_text(doing.source, what and what.source or "")
    doing.position = what and what.position or 0
    C.stentor_doing(brain, doing)
  end

  -- How often brains have died at this record, and how many times is enough.
  function self.deaths(source, position)
    return C.stentor_deaths(brain, source, #source, position),
      C.STENTOR_DEATHS_MAX
  end

  -- One that was passed over for that; how many there were, ever.
  function self.pass_over() return C.stentor_pass_over(brain) end

  -- Ends the streams of channels that the config has no more; a list of their
  -- numbers. true; or nil, message, name.
  function self.remove(numbers)
    local most = C.STENTOR_REMOVED_MAX
    for first = 1, #numbers, most do
      local count = math.min(most, #numbers - first + 1)
      local array = ffi.new("uint32_t[?]", count)
      for i = 0, count - 1 do array[i] = numbers[first + i] end
      local code = C.stentor_remove(brain, array, count)
      if code ~= 0 then return tools.failure(code) end
    end
    return true
  end

  function self.ready() C.stentor_ready(brain) end

  -- Ends this process: it cannot be in charge, and `text` says why.
  function self.fail(text) C.stentor_fail(brain, text, #text) end

  function self.handed_over() return C.stentor_handed_over(brain) ~= 0 end

  function self.released() C.stentor_released(brain) end

  function self.stopped() C.stentor_stopped(brain) end

  function self.say_status(text) C.stentor_say_status(brain, text, #text) end

  function self.drained() return C.stentor_drained(brain) ~= 0 end
end
