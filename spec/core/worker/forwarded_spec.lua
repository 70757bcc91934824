-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"

local ffi = units.ffi
local lib = units.cdef "core/worker/forwarded.h"

local ours = ffi.new "struct network"
assert(lib.network_parse(ffi.new("struct text", "10.0.0.0/8", 10), ours))

-- All of 10.0.0.0/8. A callback of the spec's own: C calls it in a leaf.
local trusted = ffi.cast("bool (*)(const struct address *, const void *)",
  function(hop) return lib.network_has(ours, hop) end)

describe("whose request a proxy brings", function()
  teardown(function() trusted:free() end)

  -- The client's address, or the result's name. Each argument is a header.
  local function client(...)
    local headers = {}
    for _, header in ipairs { ... } do
      headers[#headers + 1] = header[1] .. "\0" .. header[2] .. "\0"
    end
    local bytes = table.concat(headers)
    local address, room = ffi.new "struct address", ffi.new "char[46]"
    local result = tonumber(lib.forwarded_client(ffi.new("struct text", bytes, #bytes), trusted,
      nil, address))
    if result == lib.FORWARDED_NOBODY then return "nobody" end
    if result == lib.FORWARDED_CONFLICT then return "conflict" end
    lib.address_format(address, room)
    return ffi.string(room)
  end

  local function x(value) return { "x-forwarded-for", value } end
  local function rfc(value) return { "forwarded", value } end

  it("is the last of X-Forwarded-For that is no proxy of ours", function()
    assert.equal("1.2.3.4", client(x "1.2.3.4"))
    assert.equal("1.2.3.4", client(x "9.9.9.9, 1.2.3.4"))
    assert.equal("1.2.3.4", client(x "9.9.9.9,1.2.3.4 ,\t10.0.0.2,10.1.1.1"))
    assert.equal("1.2.3.4", client(x "9.9.9.9", { "host", "a" }, x "1.2.3.4", x "10.0.0.2"))
    assert.equal("10.0.0.7", client(x "10.0.0.7, 10.0.0.2"))
    assert.equal("2001:db8::1", client(x "2001:db8::1"))
    assert.equal("2001:db8::1", client(x '"[2001:db8::1]:4711"'))
    assert.equal("1.2.3.4", client(x "1.2.3.4:5678"))
    assert.equal("1.2.3.4", client(x "9.9.9.9, , 1.2.3.4,"))
  end)

  it("is who the proxy says, whatever the client wrote before", function()
    local forged = { '"', '"6.6.6.6', 'for="6.6.6.6', '"\\', '""" , \\"', '6.6.6.6, "7.7.7.7' }
    for _, before in ipairs(forged) do
      assert.equal("1.2.3.4", client(x(before .. ", 1.2.3.4")))
      assert.equal("2001:db8::1", client(x(before .. ', "[2001:db8::1]:4711"')))
      assert.equal("1.2.3.4", client(rfc(before .. ", for=1.2.3.4")))
      assert.equal("2001:db8::1", client(rfc(before .. ', for="[2001:db8::1]:4711";by="a, b"')))
      assert.equal("1.2.3.4", client(x(before), x "1.2.3.4"))
    end
  end)

  it("is the last of Forwarded likewise", function()
    assert.equal("192.0.2.43", client(rfc "for=192.0.2.43"))
    assert.equal("192.0.2.43", client(rfc "for=9.9.9.9, For=192.0.2.43;proto=http;by=10.0.0.1"))
    assert.equal("2001:db8:cafe::17", client(rfc 'proto=https; for="[2001:db8:cafe::17]:4711"'))
    assert.equal("192.0.2.43", client(rfc 'for=192.0.2.43;by="a, for=6.6.6.6", for=10.0.0.1'))
    assert.equal("192.0.2.43", client(rfc [[for=6.6.6.6;by="\", for=7.7.7.7", for=192.0.2.43]]))
  end)

  it("is nobody where nothing is said, or nothing that is an address", function()
    assert.equal("nobody", client())
    assert.equal("nobody", client { "host", "a" })
    assert.equal("nobody", client(x ""))
    for _, value in ipairs { "unknown", "_hidden", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:port", "[::1",
      "[1.2.3.4]", "::1]", "[]", "[::1]x", "fe80::1%eth0", "localhost", ("x"):rep(10000),
      "::1:80:x", '"', '"1.2.3.4', "1.2.3.4;", "\1\2\255", "::" } do
      assert.equal("nobody", client(x(value)), value)
    end
    assert.equal("nobody", client(rfc "by=1.2.3.4"))
    assert.equal("nobody", client(rfc "for=unknown"))
    assert.equal("nobody", client(rfc "1.2.3.4"))
  end)

  it("is the last hop that is known before garbage", function()
    assert.equal("10.0.0.9", client(x "garbage, 10.0.0.9, 10.0.0.2"))
    assert.equal("nobody", client(x "1.2.3.4, garbage"))
  end)

  it("cannot be told where both headers disagree", function()
    assert.equal("1.2.3.4", client(x "9.9.9.9, 1.2.3.4", rfc "for=1.2.3.4"))
    assert.equal("conflict", client(x "1.2.3.4", rfc "for=6.6.6.6"))
    assert.equal("conflict", client(x "1.2.3.4", rfc "for=_hidden"))
    assert.equal("conflict", client(x "garbage", rfc "for=1.2.3.4"))
  end)

  it("takes thousands of hops in its stride", function()
    local many = ("6.6.6.6, "):rep(20000)
    assert.equal("1.2.3.4", client(x(many .. "1.2.3.4")))
    assert.equal("1.2.3.4", client(x(many .. "1.2.3.4" .. (", 10.0.0.2"):rep(20))))
    -- More proxies than anybody has: the furthest that is looked at.
    assert.equal("10.0.0.2", client(x("1.2.3.4" .. (", 10.0.0.2"):rep(20000))))
  end)

  it("takes any bytes", function()
    math.randomseed(11)
    local alphabet = { '"', ",", ";", "=", "[", "]", ":", "\\", " ", "for=", "1.2.3.4", "10.0.0.1",
      "::1", "\t", "x", "\255" }
    for _ = 1, 5000 do
      local parts = {}
      for i = 1, math.random(0, 30) do parts[i] = alphabet[math.random(#alphabet)] end
      local value = table.concat(parts)
      assert.is_string(client(x(value)))
      assert.is_string(client(rfc(value)))
      -- Whatever a client makes up, what the proxy adds is what counts.
      assert.equal("1.2.3.4", client(x(value), x "1.2.3.4"))
    end
  end)
end)
