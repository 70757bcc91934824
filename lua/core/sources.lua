-- SPDX-License-Identifier: MIT
-- The part of lua/core.lua that concerns Kafka as it is read; it is handed
-- `ffi`, which only that file requires.

local RECORDS = 512 -- of a batch
local BYTES = 96 * 1024

-- `tools`: { ffi, C, failure, check } of core.lua.
return function(self, brain, tools)
  local ffi, C, failure = tools.ffi, tools.C, tools.failure
  local settings = ffi.new("struct stentor_source")
  local status = ffi.new("struct stentor_source_status")
  local starts = { newest = C.STENTOR_START_NEWEST,
    oldest = C.STENTOR_START_OLDEST, time = C.STENTOR_START_TIME }
  local PARTITIONS = 1000 -- of a status
  local rows = ffi.new("struct stentor_partition_status[?]", PARTITIONS)

  self.feeds_max = C.STENTOR_FEEDS_MAX

  local function set_text(text, value)
    text.bytes, text.size = value, #value
  end

  -- The number of a source. `wanted`: bus (its number), topic, group, reader,
  -- start ("newest", "oldest" or "time"), start_ms, headers (whether they are
  -- read), and positions (partition → offset) or nil.
  function self.source(wanted)
    local list, count = nil, 0
    if wanted.positions then
      for _ in pairs(wanted.positions) do count = count + 1 end
      list = ffi.new("struct stentor_position[?]", count + 1)
      local at = 0
      for partition, offset in pairs(wanted.positions) do
        list[at].partition, list[at].offset = partition, offset
        at = at + 1
      end
    end
    set_text(settings.topic, wanted.topic)
    set_text(settings.group, wanted.group or "")
    set_text(settings.reader, wanted.reader)
    settings.bus, settings.start = wanted.bus, starts[wanted.start]
    settings.start_ms = wanted.start_ms or 0
    settings.positions, settings.position_count = list, count
    settings.has_positions = list and 1 or 0
    settings.headers = wanted.headers and 1 or 0
    local number = C.stentor_source_open(brain, settings)
    if number < 0 then return failure(number) end
    return number
  end

  -- Where a source's records are read into: its `count` records, of one
  -- `partition`, hold until the next read into it.
  function self.batch()
    local batch = { count = 0, partition = 0, raw = ffi.new("struct stentor_batch"),
      records = ffi.new("struct stentor_topic_record[?]", RECORDS),
      bytes = ffi.new("char[?]", BYTES) }
    batch.raw.records, batch.raw.records_max = batch.records, RECORDS
    batch.raw.bytes, batch.raw.bytes_max = batch.bytes, BYTES
    return batch
  end

  -- How many records were read, 0 if there is none now.
  function self.source_read(number, batch)
    local raw = batch.raw
    local count = C.stentor_source_read(brain, number, raw)
    if count < 0 and raw.needed > 0 then
      batch.bytes = ffi.new("char[?]", raw.needed)
      raw.bytes, raw.bytes_max = batch.bytes, raw.needed
      count = C.stentor_source_read(brain, number, raw)
    end
    if count < 0 then return failure(count) end
    batch.count, batch.partition = count, raw.partition
    return count
  end

  -- A batch of its own with the records of this one, for who may keep them.
  function self.batch_copy(batch)
    local count, used = batch.count, batch.raw.used
    local copy = { count = count, partition = batch.partition,
      raw = ffi.new("struct stentor_batch", batch.raw),
      bytes = ffi.new("char[?]", used),
      records = ffi.new("struct stentor_topic_record[?]", count) }
    ffi.copy(copy.bytes, batch.bytes, used)
    ffi.copy(copy.records, batch.records,
      count * ffi.sizeof("struct stentor_topic_record"))
    copy.raw.bytes, copy.raw.records = copy.bytes, copy.records
    return copy
  end

  -- The batch is dealt with: there may be an item for more.
  function self.source_more(number) C.stentor_source_more(brain, number) end

  -- From now on the source's records go into these channels.
  function self.source_feed(number, channels)
    local array = ffi.new("uint32_t[?]", #channels, channels)
    local code = C.stentor_source_feed(brain, number, array, #channels)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- The record at `index` is dealt with: another brain begins after it. False:
  -- the rest of the batch is for others to deal with.
  function self.record_done(batch, index)
    return C.stentor_source_done(brain, batch.raw, index) == 0
  end

  local NONE = 0xffffffff

  function self.record_key(batch, index)
    local record = batch.records[index]
    if record.key_size == NONE then return nil end
    return ffi.string(batch.bytes + record.key, record.key_size)
  end

  function self.record_text(batch, index)
    local record = batch.records[index]
    if record.value_size == NONE then return nil end
    return ffi.string(batch.bytes + record.value, record.value_size)
  end

  function self.record_offset(batch, index)
    return tonumber(batch.records[index].offset)
  end

  -- Unix time in ms, or nil.
  function self.record_time(batch, index)
    local time = tonumber(batch.records[index].time_ms)
    if time == 0 then return nil end
    return time
  end

  -- The headers as C gives them, "" if there are none.
  function self.record_headers(batch, index)
    local record = batch.records[index]
    if record.headers_size == 0 then return "" end
    return ffi.string(batch.bytes + record.headers, record.headers_size)
  end

  -- Of those, name → value; of several with one name, the last.
  function self.headers_of(text)
    local headers, at = {}, 1
    local size = ffi.new("uint32_t[1]")
    while at <= #text do
      local stop = text:find("\0", at, true)
      local name = text:sub(at, stop - 1)
      ffi.copy(size, text:sub(stop + 1, stop + 4), 4)
      at = stop + 5
      if size[0] == 0xffffffff then
        headers[name] = nil
      else
        headers[name] = text:sub(at, at + size[0] - 1)
        at = at + size[0]
      end
    end
    return headers
  end

  function self.source_status(number)
    local code = C.stentor_source_status(brain, number, status, rows,
      PARTITIONS)
    if code ~= 0 then return failure(code) end
    local partitions = {}
    for i = 0, status.partitions - 1 do
      local lag = tonumber(rows[i].lag)
      partitions[i + 1] = { partition = rows[i].partition,
        next = tonumber(rows[i].next), lag = lag >= 0 and lag or nil }
    end
    return { connected = status.connected ~= 0,
      records = tonumber(status.records), bytes = tonumber(status.bytes),
      gaps = tonumber(status.gaps), lost = tonumber(status.lost),
      skipped = tonumber(status.skipped),
      restarts = tonumber(status.restarts), partitions = partitions }
  end
end
