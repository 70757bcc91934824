-- SPDX-License-Identifier: MIT
local ticker = { about = "Publishes the time and a counter." }

ticker.options = {
  channel = is.channel  { about = "where the ticks go" },
  every   = is.duration { about = "how often", default = "1s", min = "10ms" },
}

function ticker.setup(server, options)
  local state = server:keep("state", { times = 0 }) -- goes on after a reload
  server:every(options.every, function()
    state.times = state.times + 1
    options.channel:publish { payload = { date = now(), times = state.times } }
  end)
end

return ticker
