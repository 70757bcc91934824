-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local source = require "stentor.config.source"
local suggest = require "stentor.config.suggest"

describe("the source of a config", function()
  it("finds a setting's line past comments, texts and functions", function()
    local subject = source.new("c", table.concat({
      'channel "a" { -- replay = 1',
      '  key = function(x, replay) local t = { replay = 2 } return t, 3 end,',
      '  text = "replay = {", long = [[',
      "replay = 4, ]],",
      "  --[[ replay = 5",
      "  ]] replay = 6,",
      '  limits = { body = 1,',
      "    ['head'] = 2 } }",
      'channel "b" { replay = 1 }',
    }, "\n"))
    assert.are.equal(6, subject:setting_line("channel", "a", 1, { "replay" }))
    assert.are.equal(8, subject:setting_line("channel", "a", 1,
      { "limits", "head" }))
    assert.are.equal(7, subject:setting_line("channel", "a", 1,
      { "limits", "none" }))
    assert.are.equal(9, subject:setting_line("channel", "b", 9, { "replay" }))
    assert.are.equal(1, subject:setting_line("route", "a", 1, { "replay" }))
    subject:doubles(function(_, text) error(text) end)
  end)

  it("sees what is given twice", function()
    local told = {}
    source.new("c", 'limits {\n a = 1,\n b = { a = 2; c = 1 },\n ["a"] = 3 }')
      :doubles(function(line, text) told[#told + 1] = line .. " " .. text end)
    assert.same({ '4 limits: "a" is given twice, first on line 2' }, told)
  end)
end)

describe("a suggestion", function()
  it("is what was probably meant", function()
    local known = { replay = 1, key = 1, latest = 1 }
    assert.are.equal("replay", suggest.nearest("replya", known))
    assert.are.equal("latest", suggest.nearest("Latest", known))
    assert.are.equal("key", suggest.nearest("kye", known))
    assert.is_nil(suggest.nearest("backbone", known))
    assert.is_nil(suggest.nearest(("x"):rep(1000), known))
  end)
end)
