-- SPDX-License-Identifier: MIT
-- The load tester's reader: counts the same however a stream is cut, framed and
-- ended, and tells loss from reordering from doubling.
local reading = require "spec.core.load.reading"

local function event(lane, number, id)
  return ("id: %s\ndata: %s\n\n"):format(id or number, reading.payload(lane, number))
end

-- `text` as chunks of random sizes, now and then with an extension.
local function in_chunks(text)
  local pieces, at = {}, 1
  while at <= #text do
    local size = math.random(40)
    local piece = text:sub(at, at + size - 1)
    local extension = math.random(4) == 1 and ";a=b" or ""
    pieces[#pieces + 1] = ("%x%s\r\n%s\r\n"):format(#piece, extension, piece)
    at = at + size
  end
  return table.concat(pieces)
end

describe("the load tester's stream reader", function()
  local one
  after_each(function()
    if one then one:close() end
    one = nil
  end)

  local function read(text, options, size)
    one = reading.new(options)
    one:feed(text, size)
    local counts = one:counts()
    return counts
  end

  local stream = "\239\187\191: hello\n\nretry: 10\n\n" .. event(0, 1) .. ":\n" .. event(0, 2)
    .. "event: gap\ndata: {}\n\n" .. "data: of somebody else\ndata\n\n" .. "event: x\n\n"
    .. event(1, 1) .. "data: never ended"
  local expected = { events = 4, other = 1, lost = 0, duplicated = 0, reordered = 0, gaps = 1,
                     missing = 0 }

  for name, line_end in pairs { LF = "\n", CRLF = "\r\n", CR = "\r" } do
    local text = stream:gsub("\n", line_end)

    it("counts a stream with " .. name, function()
      assert.same(expected, read(text))
    end)

    it("counts it byte by byte with " .. name, function()
      assert.same(expected, read(text, nil, 1))
    end)

    it("counts it in random cuts and chunks with " .. name, function()
      math.randomseed(11)
      for _ = 1, 100 do
        assert.same(expected, read(text, nil, function() return math.random(50) end))
        one:close()
        assert.same(expected, read(in_chunks(text), { chunked = true },
          function() return math.random(50) end))
        one:close()
      end
      one = nil
    end)
  end

  it("ends with the last chunk, and says when chunks are broken", function()
    one = reading.new { chunked = true }
    assert.is_true(one:feed("5\r\ndata:\r\n"))
    assert.is_false(one:feed("0\r\n\r\n"))
    one:close()
    one = reading.new { chunked = true }
    assert.is_false(one:feed("data: x\n\n"))
  end)

  it("reads a payload that a server has wrapped or written anew", function()
    local inner = reading.payload(0, 1):gsub('":"', '" : "')
    assert.equal(0, read(('data: {"time":12345,"payload":%s}\n\n'):format(inner)).other)
  end)

  it("takes another run's payload for somebody else's", function()
    local foreign = reading.payload(0, 1):gsub("0badcafe", "feedbeef")
    assert.equal(1, read("data: " .. foreign .. "\n\n").other)
  end)

  it("counts what never came as lost, also at the end", function()
    local counts = read(event(0, 1) .. event(0, 4) .. event(1, 1))
    assert.equal(2, counts.missing)
    assert.equal(2 + 3 + 1, one:lost { [0] = 7, [1] = 2 })
  end)

  it("expects nothing from before its first event when it came late", function()
    read(event(0, 5) .. event(0, 6), { late = true })
    assert.equal(0, one:lost { [0] = 6, [1] = 9 })
  end)

  it("counts a number that comes late as reordered, not as lost", function()
    local counts = read(event(0, 1) .. event(0, 3) .. event(0, 2) .. event(0, 4))
    assert.same({ 1, 0, 0 }, { counts.reordered, counts.duplicated, counts.missing })
  end)

  it("counts a number that comes again as doubled", function()
    local counts = read(event(0, 1) .. event(0, 1) .. event(0, 2))
    assert.same({ 0, 1, 0 }, { counts.reordered, counts.duplicated, counts.missing })
  end)

  it("keeps order within a lane only", function()
    local counts = read(event(1, 1) .. event(0, 1) .. event(1, 2) .. event(0, 2))
    assert.same({ 0, 0, 0 }, { counts.reordered, counts.duplicated, counts.missing })
  end)

  it("measures latency, but not of what was sent before the stream began", function()
    one = reading.new()
    one.reader.since_us = 5000
    one:feed("data: " .. reading.payload(0, 1, 4000) .. "\n\n", nil, 90000)
    one:feed("data: " .. reading.payload(0, 2, 6000) .. "\n\n", nil, 6050)
    assert.equal(1, tonumber(one.tally.replayed))
    assert.equal(1, tonumber(one.tally.latency.count))
    assert.equal(50, tonumber(one.tally.latency.max_us))
  end)

  describe("that is resumed", function()
    before_each(function() one = reading.new { keeps_ids = true } end)

    it("has the id of the last whole event", function()
      assert.is_nil(one:id())
      one:feed(event(0, 1, "a-1") .. "id: a-2\ndata: cut o")
      assert.equal("a-1", one:id())
      one:resume()
      assert.equal("a-1", one:id())
      one:feed("data: without an id\n\n")
      assert.equal("a-1", one:id())
      one:feed("id\n\n")
      assert.is_nil(one:id())
    end)

    it("has no id that cannot be sent back", function()
      one:feed(event(0, 1, ("x"):rep(200)))
      assert.is_nil(one:id())
      one:feed("id: y\0z\n" .. event(0, 2, "good"):gsub("id: good\n", "", 1))
      assert.is_nil(one:id())
    end)

    it("goes on counting where it was", function()
      one:feed(event(0, 1) .. event(0, 2))
      one:resume()
      one:feed(event(0, 3) .. event(0, 4))
      assert.equal(0, one:counts().missing)
      one:resume()
      one:feed(event(0, 4) .. event(0, 7))
      assert.equal(1, one:counts().duplicated)
      assert.equal(2, one:counts().missing)
    end)
  end)
end)
