-- SPDX-License-Identifier: MIT
--- The specs' own reader of event streams, held against npm's.
local cjson = require "cjson"
local node = require "spec.support.node"
local process = require "spec.support.process"
local sse = require "spec.support.sse"

local streams = {
  "data: a\n\n",
  "\239\187\191data: after a BOM\n\n",
  "id: 1\r\ndata: a\r\ndata:b\r\ndata:  c\r\n\r\n",
  "id: 1\rdata: a\r\rdata: b\r\r\n\n",
  ": comment\nevent: x\ndata\n\ndata:\ndata:\n\n",
  "event: no data\nid: 7\n\ndata: has the id\n\n",
  "id: 1\ndata: a\n\nid\ndata: b\n\n",
  "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
  "retry: 100\n\nretry: 1x\nnonsense: 1\nDATA: no\ndata: a: b:\n\n",
  "data: \240\159\142\137 ü\n\ndata: never ended\n",
}

local function texts(events)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = (event.event or "message") .. "|" .. event.data
  end
  return list
end

local function feed_by(size, bytes)
  local one = sse.parser()
  for at = 1, #bytes, size do one:feed(bytes:sub(at, at + size - 1)) end
  return one.events
end

describe("the specs' event stream reader", function()
  after_each(process.stop_all)

  for number, bytes in ipairs(streams) do
    it("reads stream " .. number .. " as npm's parser does, however it is cut", function()
      local theirs = cjson.decode(node.run("parse.js", {}, bytes)[1])
      assert.same(texts(theirs), texts(sse.parse(bytes)))
      for size = 1, 3 do assert.same(sse.parse(bytes), feed_by(size, bytes)) end
    end)
  end

  it("carries the last id on, and says what it learnt", function()
    local events, reader = sse.parse "id: 1\nretry: 50\ndata: a\n\n:ping\ndata: b\n\n"
    assert.same({
      { id = "1", event = "message", data = "a", retry = 50 },
      { id = "1", event = "message", data = "b" },
    }, events)
    assert.same({ "ping" }, reader.comments)
    assert.equal(50, reader.retry)
  end)
end)
