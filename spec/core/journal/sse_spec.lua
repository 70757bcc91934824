-- SPDX-License-Identifier: MIT
local cjson = require "cjson"
local node = require "spec.support.node"
local support = require "spec.core.journal.support"
local units = require "spec.support.units"
local ffi = support.ffi

describe("sse", function()
  local lib = units.cdef "core/journal/sse.h"
  local text = support.text

  local function event_of(fields)
    local event = ffi.new "struct sse_event"
    if fields.id then event.id = text(fields.id) end
    if fields.name then event.name = text(fields.name) end
    event.data = text(fields.data or "")
    event.retry_ms = fields.retry or 0
    return event
  end

  local function with_buffer(fill)
    local buffer = ffi.new "struct buffer"
    local result = fill(buffer)
    local bytes = ffi.string(buffer.bytes, buffer.size)
    lib.buffer_done(buffer)
    return bytes, result
  end

  local function write(fields)
    return (with_buffer(function(buffer)
      local event = event_of(fields)
      lib.sse_write(event, buffer)
      assert.equal(tonumber(lib.sse_size(event)), tonumber(buffer.size))
    end))
  end

  local function frame(fields)
    return with_buffer(function(buffer) return lib.sse_frame(event_of(fields), buffer) end)
  end

  it("writes what the standard reads", function()
    assert.equal("id: 7\ndata: {}\n\n", write { id = "7", data = "{}" })
    assert.equal("data: \n\n", write {})
    assert.equal("id: 7\nevent: trade\nretry: 2500\ndata: x\n\n",
      write { id = "7", name = "trade", retry = 2500, data = "x" })
    assert.equal("retry: 4294967295\ndata: x\n\n", write { retry = 4294967295, data = "x" })
  end)

  it("splits data on CR, LF and CRLF alike", function()
    assert.equal("data: a\ndata: b\ndata: c\ndata: d\n\n", write { data = "a\nb\rc\r\nd" })
    assert.equal("data: \ndata: \n\n", write { data = "\n" })
    assert.equal("data: \ndata: \n\n", write { data = "\r\n" })
    assert.equal("data: \ndata: \ndata: \n\n", write { data = "\n\r" })
    assert.equal("data: a\ndata: \ndata: \n\n", write { data = "a\r\r\n" })
  end)

  it("passes all other bytes untouched", function()
    local others = {}
    for byte = 0, 255 do
      if byte ~= 10 and byte ~= 13 then others[#others + 1] = string.char(byte) end
    end
    local data = table.concat(others)
    assert.equal("data: " .. data .. "\n\n", write { data = data })
  end)

  it("refuses names that could forge a line, and the one that is ours", function()
    for _, name in ipairs { "a\nb", "a\r", "\r\ndata: x", "\0", "a\0", "\n" } do
      assert.equal(ffi.C.STENTOR_EEVENT, lib.sse_check_name(text(name)))
    end
    assert.equal(ffi.C.STENTOR_ERESERVED, lib.sse_check_name(text "gap"))
    local fine = { "", "message", "gaps", "Gap", " gap", "a: b", "naïve", "\239\187\191x" }
    for _, name in ipairs(fine) do
      assert.equal(0, lib.sse_check_name(text(name)))
    end
  end)

  it("frames an event as one chunk, and no chunk ends the body", function()
    for _, size in ipairs { 0, 1, 6, 7, 8, 9, 246, 247, 248, 249, 65535, 300000 } do
      local bytes, head_bytes = frame { data = ("x"):rep(size) }
      local head = bytes:match "^%x+\r\n"
      assert.equal(#head, head_bytes)
      local inner = bytes:sub(#head + 1, -3)
      assert.equal(tonumber(head:sub(1, -3), 16), #inner)
      assert.equal("\r\n", bytes:sub(-2))
      assert.equal("data: " .. ("x"):rep(size) .. "\n\n", inner)
    end
    local function chunk(bytes)
      return (with_buffer(function(buffer)
        lib.buffer_add(buffer, "<", 1)
        lib.sse_chunk(text(bytes), buffer)
      end))
    end
    assert.equal("<", chunk "")
    assert.equal("<2\r\n:\n\r\n", chunk ":\n")
  end)

  -- What goes in comes out of a parser that others wrote.
  it("can be read by npm's eventsource-parser, whatever is in it", function()
    math.randomseed(os.time())
    local pieces = {
      "\r", "\n", "\r\n", "\n\n", ":", ": ", " ", "  ", "data", "data: ", "event: x", "id: ",
      "retry: 1", "a", "{\"k\":1}", "ä", "€", "𝄞", "\239\187\191", "\0", "\t", "\226\128\168",
      "\194\133", "\11", "\12", "\127", ("long"):rep(50),
    }
    local function random_text(count, forbidden)
      local list = {}
      for _ = 1, math.random(0, count) do
        local piece = pieces[math.random(#pieces)]
        if not (forbidden and piece:find(forbidden)) then list[#list + 1] = piece end
      end
      return table.concat(list)
    end

    local stream, wanted = {}, {}
    for number = 1, 3000 do
      local fields = {
        id = tostring(number), data = random_text(12),
        name = random_text(3, "[\r\n%z]"), retry = math.random(0, 2),
      }
      if fields.name == "gap" or fields.name == "" then fields.name = nil end
      if fields.name then assert.equal(0, lib.sse_check_name(text(fields.name))) end
      local bytes, head = frame(fields)
      stream[number] = bytes:sub(head + 1, -3)
      wanted[number] = {
        id = fields.id, event = fields.name,
        data = fields.data:gsub("\r\n", "\n"):gsub("\r", "\n"),
      }
    end
    local lines, code, why = node.run("parse.js", nil, table.concat(stream))
    assert.equal(0, code, why)
    local events = cjson.decode(lines[1])
    assert.equal(#wanted, #events)
    for number, event in ipairs(wanted) do assert.same(event, events[number]) end
  end)
end)
