-- SPDX-License-Identifier: MIT
local health = { about = "Says that the server runs, and what it serves; 503 while it "
  .. "is drained." }

health.options = {
  path = is.path { about = "where it answers", default = "/health" },
}

function health.setup(server, options)
  local started = now()
  server:route("GET " .. options.path, {
    respond = function()
      local draining = server:draining()
      return draining and 503 or 200, {
        status = draining and "draining" or "ok",
        endpoints = server:routes(),
        uptime = math.floor((now() - started) / 1000), -- seconds
        counters = server:counters(),
      }
    end,
  })
end

return health
