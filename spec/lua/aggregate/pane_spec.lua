-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local fold = require "stentor.fold"
local loop = require "stentor.aggregate.loop"
local pane = require "stentor.aggregate.pane"

describe("a pane", function()
  local function part(name, kind, key)
    return { name = name, kind = fold.kinds[kind], fold = { kind = kind, key = key } }
  end

  local parts = {
    part("n", "count"), part("s", "sum", "x"), part("lo", "min", "x"), part("hi", "max", "x"),
    part("mean", "avg", "x"), part("a", "first", "y"), part("z", "last", "y"),
  }

  -- Whole numbers, so that the order of additions does not matter.
  local function records(count)
    local list = {}
    for i = 1, count do
      list[i] = { data = { k = "k" .. math.random(9), x = math.random(9) < 8 and math.random(100)
        or nil, y = math.random(5) > 1 and math.random(1000) or nil } }
    end
    return list
  end

  local function view_of(list)
    return setmetatable({ index = 0 }, {
      __index = function(view, name) return list[view.index + 1][name] end,
    })
  end

  local run = loop.new { by = "k", folds = parts }

  local function take(into, list, first, last)
    run(into, view_of(list), first - 1, last - 1,
      { skipped = 0, unkeyed = 0, keys_full = 0, bad = 0 })
    return into
  end

  local function values(of)
    local all = {}
    for _, key in ipairs(of.keys) do all[key] = of:value(key) end
    return all
  end

  it("is what its parts give when they are merged", function()
    math.randomseed(5)
    for _ = 1, 100 do
      local list = records(math.random(200))
      local whole = take(pane.new(parts, 100), list, 1, #list)
      local merged, at = pane.new(parts, 100), 1
      while at <= #list do
        local stop = math.min(at + math.random(0, 60), #list)
        assert.equal(0, merged:merge(take(pane.new(parts, 100), list, at, stop)))
        at = stop + 1
      end
      assert.same(values(whole), values(merged))
    end
  end)

  it("tells how many keys a merge had no room for", function()
    local small, large = pane.new(parts, 2), pane.new(parts, 9)
    small:add "a"
    for _, key in ipairs { "a", "b", "c", "d" } do large:add(key) end
    assert.equal(2, small:merge(large))
    assert.equal(2, small.count)
  end)

  it("leaves out, and counts, a record that should be JSON and is not", function()
    local into, counters = pane.new(parts, 9), { skipped = 0, unkeyed = 0, keys_full = 0, bad = 0 }
    run(into, view_of { { data = { k = "a" } }, { bad = true }, { data = { k = "a" } } }, 0, 2,
      counters)
    assert.equal(2, into:value("a").n)
    assert.equal(1, counters.bad)
  end)

  it("has no value where there is none", function()
    local one = pane.new(parts, 2)
    one:add ""
    assert.same({ n = 0, s = 0 }, one:value "")
    assert.is_nil(one:value "x")
  end)
end)

describe("the loop", function()
  it("follows a path as a key does", function()
    local key = require "stentor.key"
    local data = { { a = { b = { c = 7 } } }, { a = { { b = 1 } } }, { a = "text" }, "text",
      { a = { ["1"] = { b = 2 }, { b = 3 } } }, { ["a.b"] = 1 }, {} }
    for _, path in ipairs { "a", "a.b", "a.b.c", "a.1.b", "1", "a.b.c.d" } do
      local of, counters = key.new(path), { skipped = 0, unkeyed = 0, keys_full = 0, bad = 0 }
      for _, one in ipairs(data) do
        local into = pane.new({}, 5)
        loop.new { by = path, folds = {} }(into, { data = one }, 0, 0, counters)
        assert.equal(of { data = one }, into.keys[1])
      end
    end
  end)

  it("takes as many folds as it says", function()
    local parts = {}
    for i = 1, loop.FOLDS_MAX do
      parts[i] = { name = "f" .. i, kind = fold.kinds.avg,
        fold = { kind = "avg", key = function(view) return view.x + i end } }
    end
    local into, counters = pane.new(parts, 1), { skipped = 0, unkeyed = 0, keys_full = 0, bad = 0 }
    loop.new { folds = parts, by = function(view) return view.k end,
      where = function() return true end }(into, { k = "k", x = 1 }, 0, 9, counters)
    assert.equal(1 + loop.FOLDS_MAX, into:value("k")["f" .. loop.FOLDS_MAX])
  end)
end)
