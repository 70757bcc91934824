-- SPDX-License-Identifier: MIT
--- Sinks in processes of their own, over one journal and one ledger, as brains
-- that follow each other; against a mock that can be told to fail.
local eventually = require "spec.support.eventually"
local fork = require "spec.core.mailbox.fork"
local journal = require "spec.core.journal.support"
local kafka = require "spec.support.kafka"
local loop = require "spec.core.kafka.loop"
local mock = require "spec.core.kafka.mock"
local units = require "spec.support.units"
local ffi = units.ffi
units.cdef "core/journal/sse.h"
units.cdef "core/journal/event_id.h"
local lib = units.cdef "core/kafka/topic.h"

ffi.cdef [[
int dup(int fd);
int rd_kafka_test_fatal_error(rd_kafka_t *rk, int code, const char *reason);
]]
local rdkafka = ffi.load "librdkafka.so.1"
local OUT_OF_ORDER = 45

local broker, one, ledger, ledger_fd, control

local function open_ledger()
  local opened, why = ffi.new "struct ledger", ffi.new "char[256]"
  assert(lib.ledger_open(opened, ffi.C.dup(ledger_fd), why) == 0, ffi.string(why))
  return opened
end

before_each(function()
  broker = mock.start()
  broker:tell "topic t 2"
  one = journal.new(2 ^ 22)
  ledger_fd = fork.memory()
  assert(lib.ledger_create(ledger_fd, ffi.new "char[256]") == 0)
  ledger = open_ledger()
  -- Shared with the brains: [0] how many events are there, [1] what to do.
  control = ffi.cast("volatile int64_t *", ffi.C.mmap(nil, 4096, 3, 0x21, -1, 0))
end)
after_each(function()
  lib.ledger_close(ledger)
  ffi.C.close(ledger_fd)
  ffi.C.munmap(ffi.cast("void *", control), 4096)
  one:done()
  broker:stop()
end)

ffi.cdef [[
void *mmap(void *address, size_t size, int protection, int flags, int fd, long offset);
int munmap(void *address, size_t size);
]]

local function row() return ledger.rows[0] end

-- Publishes "n" to channel `number`; 0, or the code.
local function publish(journal_of, all, number, n, size)
  local data = ("%d %s"):format(n, ("x"):rep(size or 20))
  local text = ffi.new "char[40]"
  local id = ffi.new("struct event_id", { epoch = journal_of.header.epoch,
    seq = lib.journal_next_seq(journal_of) })
  lib.event_id_format(id, text)
  local sse = ffi.new("struct sse_event", { id = ffi.new("struct text", text, 36),
    data = ffi.new("struct text", data, #data) })
  local buffer = ffi.new "struct buffer"
  local entry = ffi.new("struct journal_entry[1]", { { channel = number,
    chunk_head = lib.sse_frame(sse, buffer) } })
  entry[0].frame, entry[0].frame_bytes = buffer.bytes, buffer.size
  local code = lib.kafka_before_append(all, entry, 1)
  if code == 0 then code = lib.journal_append(journal_of, entry, 1, 0) end
  lib.buffer_done(buffer)
  return code
end

-- A brain: publishes until `count` events are there, `each` a turn, and copies
-- them. `options`: settings, outbox, drops, partitions, on_turn(all, sink).
local function brain(count, options)
  options = options or {}
  return fork.start(function()
    local turns, mine = loop.new(), assert(one:open(true))
    local map = ffi.new "struct channel_map"
    lib.channel_map_init(map, mine)
    local number = lib.channel_open(mine, map, journal.text "events", journal.ALWAYS,
      journal.EVER)
    local all = lib.kafka_new(turns.uv, mine, open_ledger(), ffi.new "char[1]")
    local given, keep = loop.pairs(options.settings)
    assert(lib.bus_add(all, journal.text "kafka", journal.text(broker.address), given,
      options.outbox or 2 ^ 20) == 0)
    local topic = lib.topic_add(all.buses[0], journal.text(options.topic or "t"),
      options.partitions or 0, options.drops or false, true)
    assert(topic == 0)
    lib.kafka_copy(all, number, topic)
    lib.kafka_start(all)
    local sink = all.topics[0].sink
    local refused = 0
    turns:until_true(function()
      for _ = 1, options.each or 20 do
        if control[0] < count and publish(mine, all, number, tonumber(control[0]) + 1,
            options.size) == 0 then
          control[0] = control[0] + 1
        else
          refused = refused + 1
        end
      end
      if options.on_turn then options.on_turn(all, sink) end
      return control[0] >= count and sink.waiting == 0
    end)
    return #keep == -1 and 1 or 0
  end)
end

local function finish(pid)
  assert.same({ 0, 0 }, { fork.wait(pid) })
end

-- That the topic holds 1 … count once and in order, but for `missing`.
local function check(count, topic, missing)
  local seen = {}
  for _, record in ipairs(kafka.read(broker.address, topic or "t")) do
    local n = tonumber(record.text:match "^%d+")
    assert.is_nil(seen[n], "doubled: " .. n)
    seen[n] = true
    assert.equal("events", record.key)
  end
  for n = 1, count do
    if not (missing and missing[n]) then assert.is_true(seen[n], "lost: " .. n) end
  end
end

describe("a sink", function()
  it("goes on after a fatal error, with another producer", function()
    local fatal = 0
    local pid = brain(6000, { on_turn = function(all)
      local producer = all.buses[0].producer
      if producer ~= nil and fatal < 3 and row().acked > 500 * (fatal + 1) then
        fatal = fatal + 1
        rdkafka.rd_kafka_test_fatal_error(producer.rk, OUT_OF_ORDER, "of the spec's")
      end
    end })
    finish(pid)
    check(6000)
    assert.equal(3, tonumber(row().restarts))
    assert.equal(0, tonumber(row().failed))
  end)

  it("waits when librdkafka takes no more", function()
    finish(brain(3000, { each = 1000, settings = {
      ["queue.buffering.max.messages"] = "50" } }))
    check(3000)
  end)

  it("leaves out what a brain has sent that died before it knew", function()
    local pid = brain(400)
    finish(pid)
    -- As if it had died between the broker's answers and its own notes.
    local first = row()
    first.position, first.seq = 0, 1
    for i = 0, 1 do first.offsets[i] = 0 end
    one:next_writer()
    finish(brain(500))
    check(500)
    assert.equal(400, tonumber(row().skipped))
    assert.equal(0, tonumber(row().possibly_doubled))
  end)

  it("says so when somebody else has written in between", function()
    finish(brain(50))
    local first = row()
    first.position, first.seq = 0, 1
    local pid = brain(60, { on_turn = function(_, sink)
      -- Once it has read, and before its first report.
      if sink.ends ~= nil and control[1] == 0 then
        control[1] = 1
        for i = 0, sink.partition_count - 1 do sink.ends[i] = sink.ends[i] - 1 end
      end
    end })
    finish(pid)
    assert.equal(1, tonumber(row().possibly_doubled))
  end)

  it("dies at any moment, again and again", function()
    math.randomseed(5)
    for _ = 1, 8 do
      local before = row().acked
      local pid = brain(100000, { each = 5 })
      local limit = tonumber(before) + math.random(20, 400)
      eventually(function() return row().acked > limit end)
      fork.kill(pid)
      one:next_writer()
    end
    local count = tonumber(control[0])
    finish(brain(count))
    check(count)
    assert.equal(0, tonumber(row().possibly_doubled))
  end)

  it("sends again what a broker did not take", function()
    broker:tell "fail 5 19" -- not enough replicas
    broker:tell "fail 3 -195" -- the connection is lost
    finish(brain(2000))
    check(2000)
  end)

  it("gives up what Kafka will never take, and nothing but that", function()
    finish(brain(100))
    -- The next one has some of it to leave out, and then a batch is refused,
    -- and of that batch one record alone.
    row().position, row().seq = 0, 1
    for i = 0, 1 do row().offsets[i] = 0 end
    one:next_writer()
    broker:tell "fail 2 10"
    finish(brain(300))
    assert.equal(1, tonumber(row().failed))
    local there, lost = {}, 0
    for _, record in ipairs(kafka.read(broker.address, "t")) do
      local n = record.text:match "^%d+"
      assert.is_nil(there[n])
      there[n] = true
    end
    for n = 1, 300 do lost = lost + (there[tostring(n)] and 0 or 1) end
    assert.equal(1, lost)
  end)

  it("puts into the outbox what the ring overwrites, and empties it in order", function()
    broker:tell "down"
    local pid = brain(12000, { outbox = 2 ^ 24, each = 200, size = 900, on_turn = function()
      if control[0] >= 12000 then control[1] = 1 end
    end })
    eventually(function() return control[1] == 1 end)
    assert.is_true(row().outbox_head - row().outbox_tail > 4000000)
    fork.kill(pid)
    one:next_writer()
    broker:tell "up"
    finish(brain(12500, { outbox = 2 ^ 24, size = 900 }))
    check(12500)
    assert.equal(tonumber(row().outbox_head), tonumber(row().outbox_tail))
  end)

  it("has room for what waits also when the outbox has become smaller", function()
    broker:tell "down"
    local pid = brain(3000, { outbox = 2 ^ 24, each = 200, size = 900, on_turn = function()
      if control[0] >= 3000 then control[1] = 1 end
    end })
    eventually(function() return control[1] == 1 end)
    assert.equal(0, tonumber(row().outbox_head)) -- all of it is in the journal
    fork.kill(pid)
    one:next_writer()
    broker:tell "up"
    finish(brain(9000, { outbox = 2 ^ 20, each = 200, size = 900 }))
    check(9000)
  end)

  it("refuses, or drops and counts, when the outbox is full", function()
    broker:tell "down"
    for _, drops in ipairs { false, true } do
      local pid = brain(drops and 8000 or 2100, { outbox = 2 ^ 20, size = 900, drops = drops })
      eventually(function()
        return drops and row().dropped > 500 or not drops and row().refused > 500
      end)
      fork.kill(pid)
      one:next_writer()
    end
  end)
end)
