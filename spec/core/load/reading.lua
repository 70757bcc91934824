-- SPDX-License-Identifier: MIT
--- A stream reader of the load tester, called from Lua, and what it counted.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/load/stream_reader.h"

local reading = { run = "0badcafe", lanes = 2 }
local methods = {}
local metatable = { __index = methods }

--- The JSON that the publisher sends: number `number` of lane `lane`.
function reading.payload(lane, number, sent_us, size)
  size = size or 60
  local bytes = ffi.new("char[?]", size)
  local payload = ffi.new("struct payload",
    { lane = lane, number = number, sent_us = sent_us or 1000 })
  lib.load_payload_write(bytes, size, reading.run, payload)
  return ffi.string(bytes, size)
end

local function new_body(chunked)
  local body = ffi.new "struct body"
  if chunked then lib.load_body_init_chunked(body) else lib.load_body_init_until_close(body) end
  return body
end

--- A reader of a body that ends by close, or as `init` makes it. Options:
-- `late` (the stream began after publishing did), `keeps_ids`.
function reading.new(options)
  options = options or {}
  local self = setmetatable({}, metatable)
  self.tag = ffi.new("char[?]", #reading.run + 1, reading.run)
  self.shared = ffi.gc(lib.load_shared_new(1), lib.load_shared_free)
  self.tally = self.shared.tallies[0]
  self.context = ffi.new("struct stream_context", {
    tally = self.tally, shared = self.shared, run = self.tag, lanes = reading.lanes,
    keeps_ids = options.keeps_ids or false,
  })
  self.reader = ffi.new "struct stream_reader"
  lib.load_stream_reader_init(self.reader, self.context, new_body(options.chunked),
    not options.late)
  return self
end

--- Reads `bytes`, cut into pieces of `size` (a number, or a function that says
-- the next one). Returns false when the body is over or broken.
function methods:feed(bytes, size, now_us)
  local at, goes_on = 1, true
  while at <= #bytes do
    local step = type(size) == "function" and size() or size or #bytes
    local piece = bytes:sub(at, at + step - 1)
    goes_on = lib.load_stream_reader_feed(self.reader, self.context, piece, #piece,
      now_us or 2000)
    at = at + step
  end
  return goes_on
end

--- What was counted, as plain numbers.
function methods:counts()
  local counts = {}
  for _, name in ipairs { "events", "other", "lost", "duplicated", "reordered", "gaps" } do
    counts[name] = tonumber(self.tally[name])
  end
  counts.missing = tonumber(self.reader.missing)
  return counts
end

--- How many would be lost if it ended now, and `accepted` were published.
function methods:lost(accepted)
  for lane, number in pairs(accepted) do self.shared.accepted[lane] = number end
  return tonumber(lib.load_stream_reader_lost(self.reader, self.context))
end

function methods:id()
  local id = lib.load_stream_reader_id(self.reader)
  return id ~= nil and ffi.string(id.bytes, id.size) or nil
end

function methods:resume()
  lib.load_stream_reader_resume(self.reader, new_body())
end

function methods:close()
  lib.load_stream_reader_done(self.reader)
end

return reading
