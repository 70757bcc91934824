-- SPDX-License-Identifier: MIT
-- The way of a record into an aggregate, as LuaJIT compiles it.
local function run(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

describe("the way of a record", function()
  local library

  setup(function()
    library = os.tmpname() .. ".so"
    local problem = run(("cc -std=gnu11 -O1 -shared -fPIC -Icore -o %s spec/lua/binding.c "
      .. "spec/lua/aggregate/journal.c"):format(library))
    assert.equal("", problem)
  end)

  teardown(function() os.remove(library) end)

  -- What hot.lua has measured, by name.
  local function hot(by, where, folds)
    local text = run(("luajit spec/lua/aggregate/hot.lua %s '%s' '%s' '%s' 10000000")
      :format(library, by, where, folds))
    local met = {}
    for name, number in text:gmatch "(%S+) ([%d.]+)" do met[name] = tonumber(number) end
    assert.truthy(met.compiled, text)
    return met, text
  end

  -- LuaJIT counts a loop's rounds under a hash of its address. In some processes
  -- two loops share a counter, and traces begin in another order.
  local function assert_compiled(...)
    local met, text
    for _ = 1, 4 do
      met, text = hot(...)
      if met.aborts == 0 and met.compiled > 0.7 then break end
    end
    assert.equal(0, met.aborts, text)
    assert.is_true(met.garbage < 1, text) -- bytes a record
    assert.is_true(met.compiled > 0.7, text) -- of the time is spent in machine code
  end

  local by_key = "function(event) return event.key end"
  local late = "function(event) return event.time > 5 end"
  local many = "n = count(), s = sum(function(event) return event.time end), "
    .. "hi = max(function(event) return event.time end), "
    .. "mean = avg(function(event) return event.time end), "
    .. "z = last(function(event) return event.key end), "
    .. "r = reduce(function(value, event) return value + event.time end, 0)"

  it("is machine code that makes no garbage: a count by key", function()
    assert_compiled(by_key, "nil", "n = count()")
  end)

  it("is machine code that makes no garbage: many folds behind a where", function()
    assert_compiled(by_key, late, many)
  end)

  it("is machine code that makes no garbage: one value of all", function()
    assert_compiled("nil", late, many)
  end)
end)
