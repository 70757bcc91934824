-- SPDX-License-Identifier: MIT
local eventually = require "spec.support.eventually"
local kafka = require "spec.support.kafka"
local loop = require "spec.core.kafka.loop"
local mock = require "spec.core.kafka.mock"
local process = require "spec.support.process"
local units = require "spec.support.units"
local ffi = loop.ffi
local lib = units.cdef "core/kafka/source_own.h"

ffi.cdef [[ int memfd_create(const char *, unsigned); int close(int); ]]

local START = { newest = lib.SOURCE_NEWEST, oldest = lib.SOURCE_OLDEST, time = lib.SOURCE_TIME }

-- Places that outlive a source.
local function new_places()
  local why, places = ffi.new "char[256]", ffi.new "struct places"
  local fd = ffi.C.memfd_create("places", 0)
  assert(lib.places_create(fd, why) == 0 and lib.places_open(places, fd, why) == 0)
  ffi.C.close(fd)
  return places
end

local function text(string) return ffi.new("struct text", string, #string) end

-- A source on a loop of its own: `.texts`, what it has read; `.gaps`.
local function open(address, topic, places, options)
  local self = { loop = loop.new(), texts = {}, gaps = {}, times_readable = 0, from = {} }
  local given, kept = loop.pairs(options.settings)
  self.kept = { given, kept }
  local settings = ffi.new("struct source_settings", { brokers = address, given = given,
    topic = topic, group = options.group, instance = options.instance,
    start = START[options.start or "newest"], start_ms = options.start_ms or 0 })
  self.callbacks = {
    ffi.cast("void (*)(struct source *)", function()
      self.times_readable = self.times_readable + 1
    end),
    ffi.cast("void (*)(struct source *, int32_t, uint64_t, const char *)",
      function(_, partition, lost, why)
        self.gaps[#self.gaps + 1] = { partition, tonumber(lost), ffi.string(why) }
      end),
    ffi.cast("void (*)(struct source *)", function() self.closed = true end),
  }
  self.events = ffi.new("struct source_events", { on_readable = self.callbacks[1],
    on_gap = self.callbacks[2], on_closed = self.callbacks[3] })
  local why = ffi.new "char[256]"
  local row = lib.places_claim(places, text(topic))
  self.source = lib.source_open(self.loop.uv, places, row, settings, self.events, nil, why)
  assert(self.source ~= nil, ffi.string(why))

  local partition = ffi.new "struct source_partition *[1]"
  -- As a reader: a record counts once it has been dealt with.
  function self.read(most)
    for _ = 1, most or 1000 do
      local message = lib.source_peek(self.source, partition)
      if message == nil then return end
      self.texts[#self.texts + 1] = ffi.string(message.payload, message.len)
      self.from[#self.from + 1] = partition[0].number
      partition[0].place.next = message.offset + 1
      lib.source_advance(self.source)
    end
  end

  function self.until_read(count)
    self.loop:until_true(function()
      self.read()
      return #self.texts >= count or error("has read " .. #self.texts)
    end)
    return self.texts
  end

  function self.until_true(check)
    return self.loop:until_true(function()
      self.read()
      return check()
    end)
  end

  -- Waits until it knows where it is.
  function self.until_placed(partitions)
    local count = ffi.new "uint32_t[1]"
    self.loop:until_true(function()
      lib.source_partitions(self.source, count)
      return count[0] == partitions
    end)
  end

  -- `abandon`: librdkafka will not let go of it.
  function self.close(abandon)
    lib.source_close(self.source)
    self.loop:until_true(function() return self.closed end)
    lib.source_free(self.source)
    if abandon then return end
    self.loop:close()
    for _, callback in ipairs(self.callbacks) do callback:free() end
  end
  return self
end

local function numbers(from, to, prefix)
  local list = {}
  for i = from, to do list[#list + 1] = (prefix or "") .. i end
  return list
end

local function sorted(list)
  local copy = { unpack(list) }
  table.sort(copy, function(a, b) return (tonumber(a) or 0) < (tonumber(b) or 0) end)
  return copy
end

-- `broker`: where topics can be made beforehand, which saves time.
local function behaves_on(address_of, broker)
  local function new_topic() return broker and broker:topic() or kafka.topic_name() end

  local address, places, source

  before_each(function()
    address = address_of()
    places = new_places()
  end)

  after_each(function()
    if source then source.close() end
    source = nil
    lib.places_close(places)
  end)

  it("reads from the oldest record on", function()
    local topic = new_topic()
    kafka.produce(address, topic, numbers(1, 100), { partition = 0 })
    source = open(address, topic, places, { start = "oldest" })
    assert.same(numbers(1, 100), source.until_read(100))
    kafka.produce(address, topic, numbers(101, 150), { partition = 0 })
    assert.same(numbers(1, 150), source.until_read(150))
    local counters = lib.source_counters(source.source)
    assert.same({ 150, 0 }, { tonumber(counters.records), tonumber(counters.lost) })
    source.until_true(function() return lib.source_lag(source.source, 0) == 0 end)
  end)

  it("reads what comes from now on, also if it dies before the first record", function()
    local topic = new_topic()
    kafka.produce(address, topic, numbers(1, 10), { partition = 0 })
    source = open(address, topic, places, {})
    source.until_placed(kafka.partition_count(address, topic))
    source.close()
    kafka.produce(address, topic, numbers(11, 20), { partition = 0 })
    source = open(address, topic, places, {})
    assert.same(numbers(11, 20), source.until_read(10))
  end)

  it("goes on where it was", function()
    local topic = new_topic()
    kafka.produce(address, topic, numbers(1, 100), { partition = 0 })
    source = open(address, topic, places, { start = "oldest" })
    source.until_placed(kafka.partition_count(address, topic))
    source.loop:until_true(function()
      source.read(1)
      return #source.texts == 60
    end)
    source.close()
    source = open(address, topic, places, { start = "oldest" })
    assert.same(numbers(61, 100), source.until_read(40))
  end)

  it("does not fetch for ever what nobody reads", function()
    local topic = new_topic()
    kafka.produce(address, topic, numbers(1, 50), { partition = 0 })
    source = open(address, topic, places, { start = "oldest" })
    source.loop:until_true(function() return source.times_readable > 0 end)
    assert.same({}, source.texts)
    assert.same(numbers(1, 50), source.until_read(50))
  end)

  it("waits for a topic that is not there yet, and misses nothing of it", function()
    local topic = kafka.topic_name()
    source = open(address, topic, places, {})
    -- It has looked: a mock cluster makes the topic for who asks.
    source.until_true(function()
      return source.source.missing > 0 or source.source.partition_count > 0
    end)
    assert.same({}, source.texts)
    kafka.produce(address, topic, numbers(1, 5), { partition = 0 })
    assert.same(numbers(1, 5), source.until_read(5))
  end)
end

describe("a source on the embedded Kafka", function()
  local broker
  setup(function() broker = mock.start() end)
  teardown(function() broker:stop() end)
  behaves_on(function() return broker.address end)
end)

describe("a source on a real broker", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end
  local address = broker.address
  behaves_on(function() return address end, broker)

  local places, source

  before_each(function() places = new_places() end)

  after_each(function()
    if source then source.close() end
    source = nil
    lib.places_close(places)
    process.stop_all()
  end)

  it("shares a group's partitions, and what the group has done", function()
    local topic = broker:topic()
    kafka.produce(address, topic, numbers(1, 20), { partition = 0 })
    local options = { start = "oldest", group = topic .. "-g", instance = "one" }
    source = open(address, topic, places, options)
    source.until_read(20)
    source.close()
    kafka.produce(address, topic, numbers(21, 30), { partition = 0 })
    lib.places_close(places)
    places = new_places() -- another server, which knows only what was committed
    source = open(address, topic, places, options)
    assert.same(numbers(21, 30), source.until_read(10))
  end)

  it("begins at a time", function()
    local topic = broker:topic()
    kafka.produce(address, topic, numbers(1, 10))
    local last = kafka.read(address, topic)[10].time
    eventually(function() return os.time() * 1000 > last + 1000 end)
    kafka.produce(address, topic, numbers(11, 20))
    source = open(address, topic, places, { start = "time", start_ms = last + 1 })
    assert.same(numbers(11, 20), source.until_read(10))
  end)

  it("notices added partitions, and reads them from their beginning", function()
    local topic = broker:topic(1)
    source = open(address, topic, places, {})
    source.until_placed(1)
    kafka.admin.add_partitions(address, topic, 3)
    kafka.produce(address, topic, numbers(1, 10), { partition = 2 })
    kafka.produce(address, topic, numbers(11, 20), { partition = 0 })
    assert.same(numbers(1, 20), sorted(source.until_read(20)))
  end)

  it("goes on at the oldest when retention has overtaken it, and tells", function()
    local topic = broker:topic()
    kafka.produce(address, topic, numbers(1, 10))
    source = open(address, topic, places, { start = "oldest" })
    source.until_read(10)
    source.close()
    kafka.produce(address, topic, numbers(11, 40))
    kafka.admin.delete_records(address, topic, 0, 30)
    source = open(address, topic, places, { start = "oldest" })
    assert.same(numbers(31, 40), source.until_read(10))
    assert.same({ { 0, 20, "they were deleted before they were read" } }, source.gaps)
    assert.equal(20, tonumber(lib.source_counters(source.source).lost))
  end)

  it("reads a topic that was deleted and made again from its beginning", function()
    local topic = broker:topic()
    kafka.produce(address, topic, numbers(1, 5))
    source = open(address, topic, places, { start = "oldest" })
    source.until_read(5)
    kafka.admin.delete(address, topic)
    source.until_true(function() return #source.gaps > 0 end)
    kafka.admin.create(address, topic, 1)
    kafka.produce(address, topic, numbers(6, 15))
    assert.same(numbers(1, 15), source.until_read(15))
    source.close(true)
    source = nil
  end)
end)
