-- SPDX-License-Identifier: MIT
--- Which ends of processes are nobody's work, from lines as the supervisor logs
-- them.
local deaths = require "spec.faults.deaths"

local EXPECTED = [[
warn  supervisor: brain (pid 7) ended: signal 9 (Killed); it starts again in 0.1 s
warn  supervisor: brain (pid 7) ended: signal 9 (Killed); a new one is starting
info  supervisor: worker 3 was surplus and has ended: exit code 0
error supervisor: the new brain ended while starting: signal 9 (Killed)
error supervisor: config.lua:83: unknown word "nosuch"
error supervisor: the new brain ended while loading the config: exit code 1
error supervisor: config.lua:83: "}" cannot stand here
warn  supervisor: brain (pid 7) ended: exit code 1; it starts again in 0.1 s
info  brain: a stream has ended bytes=17 channel=a reason=lagged
]]

describe("an end that nobody has brought about", function()
  it("is not that of who was killed, surplus or refused", function()
    assert.same({}, deaths.unexpected(EXPECTED))
  end)

  it("is one by any other signal or code, and what a process says of its bugs", function()
    for _, line in ipairs {
      "warn  supervisor: worker 1 (pid 7) ended: signal 6 (Aborted); it starts again in 0.1 s",
      "warn  supervisor: brain (pid 7) ended: exit code 1; it starts again in 0.1 s",
      "error supervisor: the new brain ended while starting: signal 11 (Segmentation fault)",
      "info  supervisor: worker 3 was surplus and has ended: signal 6 (Aborted)",
      "stentor: bug at core/worker/fanout.c:33: x == y does not hold",
      "==7==ERROR: AddressSanitizer: heap-use-after-free",
    } do
      assert.same({ line }, deaths.unexpected(EXPECTED .. line .. "\n" .. EXPECTED))
    end
  end)
end)
