-- SPDX-License-Identifier: MIT
local support = require "spec.core.journal.support"
local ffi = support.ffi
local units = require "spec.support.units"

describe("event id", function()
  local lib = units.cdef "core/journal/event_id.h"

  local function format(epoch, seq, source)
    local text = ffi.new "char[37]"
    local id = ffi.new "struct event_id"
    id.epoch, id.seq, id.source = epoch, seq, source or 0
    lib.event_id_format(id, text)
    return ffi.string(text)
  end

  local function parse(text)
    local id = ffi.new "struct event_id"
    if lib.event_id_parse(support.text(text), id) then return id end
  end

  it("is a UUID of version 8 and the RFC's variant", function()
    assert.equal("00000000-0000-8000-8000-000000000000", format(0, 0))
    assert.equal("12345678-9abc-8def-8000-000000000001", format(0x123456789abcULL, 1, 0xdef))
    assert.equal("ffffffff-ffff-8fff-bfff-ffffffffffff",
      format(2ULL ^ 48 - 1, 0x3fffffffffffffffULL, 0xfff))
  end)

  it("comes back as it went", function()
    math.randomseed(3)
    local function bits(count)
      local value = 0ULL
      for _ = 1, count do value = value * 2 + math.random(0, 1) end
      return value
    end
    for _ = 1, 2000 do
      local epoch, seq, source = bits(48), bits(math.random(62)), tonumber(bits(12))
      local text = format(epoch, seq, source)
      assert.truthy(text:match "^%x+%-%x+%-8%x%x%x%-[89ab]%x%x%x%-%x+$")
      local id = parse(text)
      assert.is_true(id.epoch == epoch and id.seq == seq and id.source == source)
    end
  end)

  it("is nothing else", function()
    local good = "12345678-9abc-8def-8000-000000000001"
    assert.truthy(parse(good))
    for _, text in ipairs {
      "", good:sub(1, 35), good .. "0", good:upper(), good:gsub("-8def", "-4def"),
      good:gsub("-8000", "-4000"), good:gsub("-8000", "-c000"), good:gsub("-", "_"),
      good:gsub("5678%-", "567-8"), good:gsub("1", "g"), (" "):rep(36), ("\0"):rep(36),
      ("-"):rep(36), good:gsub("%-", "0"), ("x"):rep(300), "{" .. good:sub(1, 34) .. "}",
      (good:gsub("1$", "\n")),
    } do
      assert.is_nil(parse(text), text)
    end
    for at = 1, 36 do
      for _, byte in ipairs { "\0", "/", ":", "`", "g", "A", "\255" } do
        assert.is_nil(parse(good:sub(1, at - 1) .. byte .. good:sub(at + 1)))
      end
    end
  end)
end)
