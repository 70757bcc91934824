-- SPDX-License-Identifier: MIT
-- Idle streams. The slope, not the quotient: what the server needs without
-- clients is left out, and so is what it keeps of the first crowd for the second.
local figure = require "spec.bench.figure"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local memory = {
  title = "idle memory",
  about = "idle streams: what each further one adds to the server (Pss of all its processes)",
}

function memory.measure(peer, size)
  return server.with(peer, 1, function(self)
    local few = load.run(self, { connections = size.few, duration = "2s" })
    local many = load.run(self, { connections = size.many, duration = "3s" })
    local failed = few.connections.failed + many.connections.failed
    local opened = many.connections.opened - few.connections.opened
    return { bytes = (many.server.pss_bytes - few.server.pss_bytes) / opened,
             all = many.server.pss_bytes, few = few, many = many,
             fault = failed > 0 and ("%d clients failed"):format(failed) or nil }
  end)
end

function memory.rows(size)
  return {
    figure.less(("user memory an idle stream, %d to %d clients"):format(size.few, size.many),
                "bytes", figure.bytes, { { ceiling = 400, text = "≤ 400 B" } }),
    figure.less("user memory in all", "all", figure.mega),
  }
end

return memory
