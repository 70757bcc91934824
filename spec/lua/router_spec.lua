-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local names = require "stentor.names"
local router = require "stentor.router"

local function router_of(list)
  local made = router.new()
  for _, text in ipairs(list) do
    made:add { name = assert(names.route(text)) }
  end
  return made
end

local function found(made, method, path)
  local route, more, allow = made:find(method, path)
  return route and route.name.text or more, route and more or allow
end

describe("the router", function()
  local list = { "GET /a/*rest", "GET /a/:id", "GET /a/b", "GET /:x/b",
    "POST /a/b", "GET /a/:id/c", "DELETE /a/:id", "GET /", "PUT /a/:id/c" }

  local rows = {
    { "GET", "/a/b", "GET /a/b" }, { "GET", "/a/x", "GET /a/:id" },
    { "GET", "/a/x/y", "GET /a/*rest" }, { "GET", "/a/x/c", "GET /a/:id/c" },
    { "GET", "/z/b", "GET /:x/b" }, { "GET", "/", "GET /" },
    { "POST", "/a/b", "POST /a/b" }, { "DELETE", "/a/b", "DELETE /a/:id" },
    { "HEAD", "/a/b", "GET /a/b" }, { "GET", "/a/", "GET /a/*rest" },
    { "GET", "/a", 404 }, { "GET", "/z/c", 404 }, { "PUT", "/a/b", 405 },
    { "OPTIONS", "/a/b", 204 }, { "GET", "/a/%zz", 400 },
    { "GET", "/a/%00", 400 }, { "GET", "/%61/b", "GET /a/b" },
  }

  -- Fisher and Yates, seeded: a failure can be repeated.
  local function shuffled(seed)
    math.randomseed(seed)
    local copy = { unpack(list) }
    for i = #copy, 2, -1 do
      local j = math.random(i)
      copy[i], copy[j] = copy[j], copy[i]
    end
    return copy
  end

  it("finds the most literal route, whatever the order", function()
    for seed = 1, 60 do
      local made = router_of(shuffled(seed))
      for _, row in ipairs(rows) do
        assert.are.equal(row[3], (found(made, row[1], row[2])),
          row[1] .. " " .. row[2] .. " seed " .. seed)
      end
    end
  end)

  it("tells what is allowed", function()
    local _, allow = found(router_of(list), "PUT", "/a/b")
    assert.are.equal("DELETE, GET, HEAD, OPTIONS, POST", allow)
    _, allow = found(router_of { "POST /x" }, "OPTIONS", "*")
    assert.are.equal("OPTIONS, POST", allow)
  end)

  it("decodes parameters after splitting", function()
    local made = router_of { "GET /f/:name/*rest" }
    local _, params = found(made, "GET", "/f/a%2Fb%20c/d/e%3F")
    assert.same({ name = "a/b c", rest = "d/e?" }, params)
  end)
end)
