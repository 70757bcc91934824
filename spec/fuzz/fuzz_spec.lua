-- SPDX-License-Identifier: MIT
--- A short run of each fuzz target, with the same inputs every time; `./dev
-- fuzz` looks for new ones.
local process = require "spec.support.process"
local seeds = require "spec.fuzz.seeds"
local server = require "spec.support.server"

local folder = server.binary:match "^(.*)/"
local ROUNDS = 3000

describe("fuzzing", function()
  for name in pairs(seeds.of) do
    it("finds nothing in " .. name, function()
      local _, paths = seeds.write(name)
      local result = process.run(("%s/fuzz-%s"):format(folder, name),
        { tostring(ROUNDS), "1", unpack(paths) })
      assert.equal(0, result.code, result.err)
    end)
  end
end)
