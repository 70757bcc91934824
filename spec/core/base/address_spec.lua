-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/base/address.h"

local function text(string) return ffi.new("struct text", string, #string) end

describe("an address", function()
  local function round(string)
    local address, room = ffi.new "struct address", ffi.new "char[46]"
    if not lib.address_parse(text(string), address) then return nil end
    lib.address_format(address, room)
    return ffi.string(room), lib.address_is_v4(address)
  end

  it("is read and written, of both kinds", function()
    assert.same({ "1.2.3.4", true }, { round "1.2.3.4" })
    assert.same({ "1.2.3.4", true }, { round "::ffff:1.2.3.4" })
    assert.same({ "::1", false }, { round "::1" })
    assert.same({ "2001:db8::8:800:200c:417a", false },
      { round "2001:DB8:0:0:8:800:200C:417A" })
    assert.equal(45, #"2001:0db8:0000:0000:0008:0800:255.255.255.255")
    assert.truthy(round "2001:0db8:0000:0000:0008:0800:255.255.255.255")
  end)

  it("is nothing else", function()
    for _, string in ipairs { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ",
      " 1.2.3.4", "1.2.3.4:80", "[::1]", "::1%eth0", "localhost", "1.2.3.4\0", "0x7f.1",
      ":::", ("1"):rep(5000) } do
      assert.is_nil(round(string), string)
    end
  end)
end)

describe("a network", function()
  local function has(network, address)
    local n, a = ffi.new "struct network", ffi.new "struct address"
    if not lib.network_parse(text(network), n) then return nil end
    assert.is_true(lib.address_parse(text(address), a), address)
    return lib.network_has(n, a)
  end

  it("has the addresses with its prefix", function()
    for _, row in ipairs {
      { "10.0.0.0/8", "10.255.0.1", "11.0.0.1" },
      { "192.168.4.0/22", "192.168.7.255", "192.168.8.0" },
      { "127.0.0.1", "127.0.0.1", "127.0.0.2" },
      { "127.0.0.1/32", "::ffff:127.0.0.1", "127.0.0.0" },
      { "fd00::/8", "fdff::1", "fe00::1" },
      { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
      { "::1", "::1", "::2" },
      { "0.0.0.0/0", "255.255.255.255", "::1" },
    } do
      assert.is_true(has(row[1], row[2]), row[1])
      assert.is_false(has(row[1], row[3]), row[1])
    end
    assert.is_true(has("::/0", "1.2.3.4"))
  end)

  it("is refused with bits behind its prefix, or without sense", function()
    for _, string in ipairs { "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
      "10.0.0.0/8x", "10.0.0.0/0008", "fd00::1/8", "::/129", "/8", "10/8", "" } do
      assert.is_nil(has(string, "::1"), string)
    end
  end)
end)
