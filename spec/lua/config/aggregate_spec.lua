-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local function config(body)
  return [[
listen "127.0.0.1:3000"
local events, others = channel "events" {}, channel "others" {}
local out = channel "out" {}
route "GET /events" { stream = { events, others, out } }
route "POST /:name" { respond = function(request)
  local to = request.params.name == "others" and others or events
  return 202, { id = to:publish(request.body) }
end }
every("1h", function() out:publish("") end)
]] .. body:gsub("^%s*", "")
end

describe("the word aggregate", function()
  local function errors(body) return support.errors(config(body)) end

  local function wrong(body, ...)
    local text = errors(body) or "nothing"
    for _, expected in ipairs { ... } do assert.matches(expected, text, 1, true) end
  end

  it("takes what it should", function()
    assert.is_nil(errors [[aggregate "a.b-c" { from = { events }, by = "x", fold = { n = count() },
      window = "all", every = "10ms", keys = "1k", into = out }]])
  end)

  it("names what is missing, unknown or of the wrong kind", function()
    wrong([[aggregate "a" {}]], 'config.lua:10: aggregate "a": setting "fold" is missing',
      'config.lua:10: aggregate "a": setting "from" is missing')
    wrong([[aggregate "a" { from = events, fold = { n = count() }, window = "5m", evry = "1s" }]],
      'window: expected "all": all records since the beginning, got "5m"',
      'unknown setting "evry", did you mean "every"?')
    wrong([[aggregate "a" { from = "events", fold = { n = count } }]],
      'from: expected a channel, a topic or a list of them, got "events"',
      "fold.n: expected a fold such as count() or sum \"payload.price\", got a function: call it")
    wrong([[aggregate "a" { from = { events, events }, fold = {} }]], "from: expected a channel",
      "fold: has no fold")
    wrong([[aggregate "a" { from = events, fold = { count() } }]],
      "fold: each fold needs a name, as in fold = { n = count() }")
    wrong([[aggregate "a b" { from = events, fold = { n = count() } }]], "its name must be letters")
  end)

  it("refuses a second one of the name, and a circle", function()
    wrong([[
aggregate "a" { from = events, fold = { n = count() } }
aggregate "a" { from = events, fold = { n = count() } }]],
      'config.lua:11: aggregate "a": is declared twice, first on line 10 of config.lua')
    wrong([[aggregate "a" { from = { events, out }, into = out, fold = { n = count() } }]],
      "into: leads back to what it is made from")
  end)

  it("checks what its folds are given", function()
    wrong([[aggregate "a" { from = events, fold = { a = sum(), b = count "x", c = min "x y",
      d = reduce(1, 0), e = max("x", "y") } }]],
      'sum: expected a key, as in sum "payload.price", got nothing',
      "count: takes nothing, it counts records: write count()",
      'min: expected a key, as in min "payload.price", got "x y"',
      "reduce: expected a function and a start",
      'max: takes one key, as in max "payload.price"')
  end)

  it("is reason enough for a channel to be there", function()
    local text = [[
listen "127.0.0.1:3000"
local events, totals = channel "events" {}, channel "totals" {}
aggregate "a" { from = events, into = totals, fold = { n = count() } }
route "GET /totals" { stream = totals }
route "POST /x" { respond = function() return 202, events:publish("") end }]]
    assert.is_nil(support.errors(text))
  end)

  it("has no keys to ask for without by", function()
    local one = support.run((config [[
aggregate "a" { from = events, fold = { n = count() } }]]))
    assert.error_matches(function() one.server.aggregates[1]:value "x" end, 'it has no "by"')
  end)
end)
