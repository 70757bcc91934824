-- SPDX-License-Identifier: MIT
-- Adding up what the processes found, and telling what a server answered.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/load/tally.h"

local function read_head(text)
  local head = ffi.new "struct response_head"
  return lib.load_response_head_read(head, text, #text), head
end

describe("the load tester's tally", function()
  it("adds up figures, and keeps the first answer and the widest times", function()
    local sum, one, other = ffi.new "struct load_tally", ffi.new "struct load_tally",
      ffi.new "struct load_tally"
    one.opened, one.stood, one.lost, one.first_connect_us, one.last_open_us = 5, 4, 3, 0, 70
    other.opened, other.stood, other.lost = 7, 7, 2
    other.first_connect_us, other.last_open_us = 9, 60
    one.errors[lib.LOAD_ERROR_RESET], other.errors[lib.LOAD_ERROR_RESET] = 1, 2
    one.reconnects, other.slow_dropped = 8, 6
    ffi.copy(other.answer, "status 503")
    lib.load_tally_merge(sum, one)
    lib.load_tally_merge(sum, other)
    local function of(name) return tonumber(sum[name]) end
    assert.same({ 12, 11, 5, 9, 70, 8, 6 }, { of "opened", of "stood", of "lost",
      of "first_connect_us", of "last_open_us", of "reconnects", of "slow_dropped" })
    assert.equal(3, tonumber(sum.errors[lib.LOAD_ERROR_RESET]))
    assert.equal("status 503", ffi.string(sum.answer))
  end)

  it("has a name for every error, each its own", function()
    local seen = {}
    for kind = 0, lib.LOAD_ERROR_COUNT - 1 do
      local name = ffi.string(lib.load_error_name(kind))
      assert.matches("^[a-z_]+$", name)
      assert.is_nil(seen[name])
      seen[name] = true
    end
  end)

  it("knows why an answer is no event stream", function()
    local function kind(text)
      local used, head = read_head(text)
      assert.equal(#text, used)
      return tonumber(lib.load_error_from_head(head))
    end
    local type_line = "Content-Type: text/event-stream;charset=utf-8\r\n"
    assert.equal(lib.LOAD_ERROR_COUNT, kind("HTTP/1.1 200 OK\r\n" .. type_line .. "\r\n"))
    assert.equal(lib.LOAD_ERROR_COUNT, kind("HTTP/1.0 200\n" .. type_line .. "\n"))
    assert.equal(lib.LOAD_ERROR_STATUS, kind("HTTP/1.1 204 No Content\r\n\r\n"))
    assert.equal(lib.LOAD_ERROR_REDIRECT, kind("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"))
    assert.equal(lib.LOAD_ERROR_TYPE, kind("HTTP/1.1 200 OK\r\n\r\n"))
    assert.equal(lib.LOAD_ERROR_ENCODING,
      kind("HTTP/1.1 200 OK\r\n" .. type_line .. "Content-Encoding: gzip\r\n\r\n"))
  end)

  it("passes over interim answers", function()
    local text = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
      .. "Content-Type: text/event-stream\r\n\r\n"
    for size = 1, #text - 1 do assert.equal(0, (read_head(text:sub(1, size)))) end
    local used, head = read_head(text .. "data")
    assert.equal(#text, used)
    assert.equal(200, head.status)
  end)

  it("says no to what is not HTTP/1", function()
    for _, text in ipairs { "SSH-2.0-x\r\n", "HTTP/2 200\r\n", "HTTP/1.1 2x0 OK\r\n", "hello" } do
      assert.is_true(read_head(text) < 0, text)
    end
  end)

  it("describes a wrong answer, printable whatever came", function()
    local text = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
      .. "Transfer-Encoding: chunked\r\n\r\n"
    local body = "9\r\n<b>no\1</b>\r\n0\r\n\r\n"
    local _, head = read_head(text)
    local answer = ffi.new "char[640]"
    lib.load_answer_describe(answer, head, body, #body, -1)
    assert.equal("status 404 Not Found, content type text/html, first bytes: <b>no?</b",
      ffi.string(answer))
    lib.load_answer_keep(answer, "another", 7)
    assert.matches("^status 404", ffi.string(answer))
  end)
end)
