-- SPDX-License-Identifier: MIT
--- A delivery does not become dearer unnoticed.
local instructions = require "spec.bench.instructions"

local GROWTH_MAX = 1.05

describe("instructions per delivery", function()
  it("have not grown", function()
    local why = instructions.hindrance()
    if why then return pending(why) end
    local noted, tools = instructions.noted()
    if instructions.tools() ~= tools then
      return pending(("they were noted with %s, here is %s"):format(tools, instructions.tools()))
    end
    local measured = instructions.measure()
    for _, name in ipairs(instructions.scenarios) do
      local now, before = measured[name], noted[name]
      assert.is_true(now <= before * GROWTH_MAX,
        ("%s: %.1f instructions, %.1f are noted. If that is the price of something worth it: "
          .. "luajit spec/bench/instructions.lua --write"):format(name, now, before))
      if now < before / GROWTH_MAX then
        print(("%s: only %.1f instructions, %.1f are noted; note the new ones, or they may "
          .. "grow back unseen: luajit spec/bench/instructions.lua --write"):format(name, now,
          before))
      end
    end
  end)
end)
