-- SPDX-License-Identifier: MIT
local support = require "spec.lua.support"

local LISTEN = 'listen "127.0.0.1:3000"\n'

local PLUGIN = [==[
local p = { options = {
  key   = is.secret { about = "never shown" },
  kind  = is.one_of { "a", "b", default = "a" },
  every = is.duration { default = "1s", min = "10ms" },
  names = is.list { of = is.string {}, optional = true },
} }
function p.setup(server, options)
  server:route("GET /" .. server.name, {
    respond = function() return 200, options.kind .. options.every end,
  })
  return { kind = options.kind }
end
return p
]==]

local function errors(text, plugin)
  return support.errors(LISTEN .. text, { ["plugins/p.lua"] = plugin or PLUGIN })
end

describe("a plugin", function()
  it("declares with the words as methods, once per name", function()
    local s = support.run(LISTEN .. 'local one = plugin "p" { key = "k" }\n'
      .. 'plugin "p" { key = "k", as = "q", kind = "b", every = "2s" }\n'
      .. 'route "GET /kind" { respond = function() return 200, one.kind end }',
      { ["plugins/p.lua"] = PLUGIN })
    assert.are.equal("a1", s.ask("GET /p").body)
    assert.are.equal("b2", s.ask("GET /q").body)
    assert.are.equal("a", s.ask("GET /kind").body)
  end)

  local rows = {
    { "options", 'plugin "p" {\n  kind = "c", every = "1ms", nmes = {},\n'
      .. "  names = { 1 },\n}",
      'config.lua:2: plugin "p": setting "key" is missing\n'
      .. 'config.lua:3: plugin "p": unknown setting "nmes", '
      .. 'did you mean "names"?\n'
      .. 'config.lua:3: plugin "p": every: must be at least 10ms, got "1ms"\n'
      .. 'config.lua:3: plugin "p": kind: expected one of "a", "b", got "c"\n'
      .. 'config.lua:4: plugin "p": names: expected a text, got 1' },
    { "a secret, unseen", 'plugin "p" { key = 123 }',
      'config.lua:2: plugin "p": key: expected a text that is not empty' },
    { "one name twice", 'plugin "p" { key = "k" }\nplugin "p" { key = "k" }',
      'config.lua:3: plugin "p": is loaded already, on line 2 of config.lua: '
      .. 'name the second with as = "…"' },
    { "one mistake as one", 'plugin "p" { key = env "STENTOR_NONE" }',
      'config.lua:2: env "STENTOR_NONE": this environment variable is not set' },
    { "a name that leaves the folder", 'plugin "../p" {}',
      'config.lua:2: plugin "../p": its name must be letters, digits, _ and -' },
    { "what is no plugin", 'plugin "p" {}', "plugins/p.lua: a plugin returns a "
      .. "table with a function `setup`", "return 3" },
    { "its own mistakes", 'plugin "p" {}',
      'plugins/p.lua:2: server: unknown word "wrong"\n'
      .. 'plugins/p.lua:3: route "GET x": its name must be a method, a space '
      .. 'and a path, such as "GET /events"\n'
      .. "plugins/p.lua:4: plugin \"p\": attempt to index local 'o' (a nil value)",
      "local p = {} function p.setup(server)\nserver:wrong('x', {}):y()\n"
      .. 'server:route("GET x", {}) local o\no.x = 1\nend return p' },
    { "types that are none", 'plugin "p" {}',
      'plugins/p.lua:1: is: unknown type "strng", did you mean "string"?',
      "return { options = { a = is.strng {} }, setup = print }" },
  }
  for _, row in ipairs(rows) do
    it("is checked: " .. row[1], function()
      assert.are.equal(row[3], errors(row[2], row[4]))
    end)
  end
end)
