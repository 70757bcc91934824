-- SPDX-License-Identifier: MIT
-- The request parser: what it takes, what it refuses and with which status,
-- and that this never depends on how the bytes were cut into packets.
local units = require "spec.support.units"
local corpus = require "spec.core.worker.request_corpus"
local ffi = units.ffi
local lib = units.cdef "core/worker/request.h"

local limits = ffi.new("struct stentor_limits", {
  head_bytes = 2048, headers = 20, target_bytes = 256, body_bytes = 1000,
})

local function text(part)
  return ffi.string(part.bytes, part.size)
end

local function buffer(part)
  return part.size == 0 and "" or ffi.string(part.bytes, part.size)
end

-- Everything that can be seen of a request.
local function look_at(request, progress, used)
  if progress == lib.REQUEST_REFUSED then
    return { status = request.status, reason = ffi.string(request.reason) }
  end
  if progress == lib.REQUEST_MORE then return { more = true, head = request.head_done } end
  return {
    method = text(lib.request_method(request)),
    path = text(lib.request_path(request)),
    query = text(lib.request_query(request)),
    headers = buffer(request.headers),
    count = request.header_count,
    body = buffer(request.body),
    keep_alive = request.keep_alive,
    stream = request.accepts_stream,
    continue = request.expects_continue,
    minor = request.parser.http_minor,
    last_id = text(lib.request_last_id(request, ffi.new "char[256]")),
    used = used,
  }
end

-- Parses `bytes` in pieces, each `next_size()` long.
local function parse(bytes, next_size)
  local request = lib.request_new(limits)
  local at, progress, used = 0, lib.REQUEST_MORE, ffi.new "size_t[1]"
  while at < #bytes and progress == lib.REQUEST_MORE do
    local piece = bytes:sub(at + 1, at + next_size())
    -- A copy of exactly this size: what reads past its end reads noise.
    local copy = ffi.new("char[?]", #piece + 1, piece)
    copy[#piece] = 0xff
    progress = lib.request_parse(request, copy, #piece, used)
    at = at + tonumber(used[0])
  end
  local seen = look_at(request, progress, at)
  lib.request_free(request)
  return seen
end

local function whole(bytes)
  return parse(bytes, function() return #bytes end)
end

describe("a request", function()
  for _, case in ipairs(corpus.accepted) do
    it("is accepted: " .. case.name, function()
      local seen = whole(case.bytes)
      assert.is_nil(seen.status, seen.reason)
      for key, value in pairs(case.seen) do assert.same(value, seen[key], key) end
      assert.equal(#case.bytes - #(case.rest or ""), seen.used)
    end)
  end

  for _, case in ipairs(corpus.refused) do
    it("is refused: " .. case.name, function()
      local seen = whole(case.bytes)
      assert.same(case.status, seen.status, seen.reason)
      assert.truthy(#seen.reason > 0 and not seen.reason:find "\n")
    end)
  end

  for _, case in ipairs(corpus.incomplete) do
    it("is not yet whole: " .. case.name, function()
      assert.is_true(whole(case.bytes).more)
    end)
  end

  it("gives the same, byte by byte", function()
    for _, case in ipairs(corpus.all) do
      assert.same(whole(case.bytes), parse(case.bytes, function() return 1 end), case.name)
    end
  end)

  it("gives the same, however it is cut", function()
    math.randomseed(7)
    for _, case in ipairs(corpus.all) do
      local expected = whole(case.bytes)
      for _ = 1, 25 do
        local most = math.random(1, 40)
        local seen = parse(case.bytes, function() return math.random(1, most) end)
        assert.same(expected, seen, case.name)
      end
    end
  end)

  it("survives changed bytes, and never takes more than it was given", function()
    math.randomseed(11)
    for round = 1, 4000 do
      local bytes = corpus.all[round % #corpus.all + 1].bytes
      for _ = 1, math.random(1, 4) do
        local at = math.random(1, #bytes)
        bytes = bytes:sub(1, at - 1) .. string.char(math.random(0, 255)) .. bytes:sub(at + 1)
      end
      local expected = whole(bytes)
      if expected.used then assert.truthy(expected.used <= #bytes) end
      local seen = parse(bytes, function() return math.random(1, 30) end)
      assert.same(expected, seen, ("%q"):format(bytes))
    end
  end)

  it("is bounded by limits that were lowered while it came", function()
    local line = "POST /" .. ("a"):rep(200)
    local head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    for _, case in ipairs {
      { line, ("a"):rep(100), 414 },
      { head .. "X: " .. ("x"):rep(1000), ("x"):rep(100), 431 },
      { ("\r\n"):rep(500), "\r\n", 431 },
      { head .. "\r\n100\r\n" .. ("x"):rep(200), ("x"):rep(56), 413 },
      { head .. "\r\n100\r\n" .. ("x"):rep(256), "\r\n100\r\n", 413 },
      { head .. "\r\n0\r\nX: " .. ("x"):rep(1000), ("x"):rep(100), 431 },
    } do
      local lowered = ffi.new("struct stentor_limits", limits)
      local request = lib.request_new(lowered)
      local used = ffi.new "size_t[1]"
      assert.equal(lib.REQUEST_MORE, lib.request_parse(request, case[1], #case[1], used))
      lowered.head_bytes, lowered.target_bytes, lowered.body_bytes = 512, 64, 100
      assert.equal(lib.REQUEST_REFUSED, lib.request_parse(request, case[2], #case[2], used))
      assert.equal(case[3], request.status)
      lib.request_free(request)
    end
  end)

  it("makes room for the next one", function()
    local request = lib.request_new(limits)
    local used = ffi.new "size_t[1]"
    for i = 1, 3 do
      local body = ("x"):rep(i)
      local bytes = ("POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s")
        :format(i, i, body)
      assert.equal(lib.REQUEST_WHOLE, lib.request_parse(request, bytes, #bytes, used))
      assert.equal("/" .. i, text(lib.request_path(request)))
      assert.equal(body, buffer(request.body))
      lib.request_reset(request)
    end
    lib.request_free(request)
  end)
end)
