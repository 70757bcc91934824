-- SPDX-License-Identifier: MIT
--- A Kafka in a process of its own that can be told to fail: mock.c.
local uv = require "luv"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"

local mock = {}
local methods = {}
local metatable = { __index = methods }

local function build()
  local path, source = "build/spec/kafka_mock", "spec/core/kafka/mock.c"
  if os.execute(("test %s -nt %s"):format(path, source)) ~= 0 then
    -- Renamed into place: another spec may be building it as well.
    assert(os.execute(("mkdir -p build/spec && cc -O1 -Wall %s -o %s.%d -lrdkafka "
      .. "&& mv %s.%d %s"):format(source, path, uv.os_getpid(), path, uv.os_getpid(),
      path)) == 0, "cannot build " .. source)
  end
  return path
end

--- Starts one; `.address` is its "host:port".
function mock.start()
  local self = setmetatable({ process = process.start(build(), {}) }, metatable)
  self.address = eventually(function() return self.process.out:match "^([^\n]+)\n" end)
  self.answers = 1
  return self
end

--- Tells it a line of mock.c.
function methods:tell(line)
  self.process:write(line .. "\n")
  self.answers = self.answers + 1
  eventually(function()
    return select(2, self.process.out:gsub("\n", "")) >= self.answers
  end)
  assert(self.process.out:match "(%w+)\n$" == "ok", line)
end

function methods:kill(signal)
  self.process:kill(signal)
end

function methods:stop()
  self.process:kill "sigkill"
  self.process:wait()
end

return mock
