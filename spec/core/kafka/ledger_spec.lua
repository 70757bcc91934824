-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local uv = require "luv"
local ffi = units.ffi
units.cdef "core/base/error.h"
local lib = units.cdef "core/kafka/outbox.h"

local function text(string)
  return ffi.new("struct text", string, #string)
end

local function open(fd)
  local ledger, why = ffi.new "struct ledger", ffi.new "char[256]"
  local code = lib.ledger_open(ledger, ffi.C.dup(fd), why)
  return code == 0 and ledger or nil, ffi.string(why)
end

ffi.cdef "int dup(int fd);"

local fd, ledger

before_each(function()
  fd = fork.memory()
  assert(lib.ledger_create(fd, ffi.new "char[256]") == 0)
  ledger = assert(open(fd))
end)
after_each(function()
  lib.ledger_close(ledger)
  ffi.C.close(fd)
end)

local function row(name, epoch, position, seq)
  return lib.ledger_row(ledger, text(name), epoch or 7, position or 0, seq or 1)
end

describe("a kafka ledger", function()
  it("finds a row again, also after whoever wrote it has gone", function()
    local one = row("0/events", 7, 640, 12)
    assert.same({ 640, 12, -1 }, { tonumber(one.position), tonumber(one.seq),
      tonumber(one.offsets[999]) })
    one.position, one.acked, one.offsets[3] = 800, 5, 44
    lib.ledger_close(ledger)
    ledger = assert(open(fd))
    local again = row("0/events", 7, 0, 1)
    assert.same({ 800, 5, 44 }, { tonumber(again.position), tonumber(again.acked),
      tonumber(again.offsets[3]) })
    assert.equal("0/events", ffi.string(again.name))
  end)

  it("begins anew with another journal", function()
    row("0/a", 7, 640, 12).acked = 9
    local again = row("0/a", 8, 64, 2)
    assert.same({ 64, 2, 0 }, { tonumber(again.position), tonumber(again.seq),
      tonumber(again.acked) })
  end)

  it("has an end", function()
    for i = 1, 32 do assert.is_true(row("0/" .. i) ~= nil) end
    assert.is_true(row "0/33" == nil)
    assert.is_true(row "0/32" ~= nil)
    assert.is_true(row(("x"):rep(256)) == nil)
  end)

  it("takes no memory for outboxes that are empty", function()
    for i = 1, 32 do row("0/" .. i) end
    assert.is_true(uv.fs_fstat(fd).blocks * 512 < 2 ^ 20)
  end)

  it("is known by its size and its mark", function()
    local other = fork.memory()
    assert.is_nil((open(other)))
    ffi.C.close(other)
  end)
end)

describe("an outbox", function()
  local RECORD_BYTES = ffi.sizeof "struct journal_record"
  local outbox, of

  local function open_outbox(bytes)
    outbox = ffi.new "struct outbox"
    assert(lib.outbox_open(outbox, ledger, of, bytes, ffi.new "char[256]") == 0)
  end

  before_each(function()
    of = row "0/events"
    open_outbox(65536)
  end)
  after_each(function() lib.outbox_close(outbox) end)

  local function record(seq, size)
    local bytes = ffi.new("char[?]", size)
    local one = ffi.cast("struct journal_record *", bytes)
    one.seq, one.size, one.frame_bytes = seq, size, size - RECORD_BYTES - 8
    ffi.fill(bytes + RECORD_BYTES, size - RECORD_BYTES - 8, seq % 256)
    return one, bytes
  end

  local function oldest()
    local one = lib.outbox_record(outbox, of.outbox_tail)
    assert(ffi.string(ffi.cast("const char *", one + 1), one.frame_bytes + one.key_bytes)
      == string.char(tonumber(one.seq) % 256):rep(one.frame_bytes) .. "key")
    return tonumber(one.seq), one.size
  end

  it("gives back whole records in order, over the end of its ring", function()
    math.randomseed(11)
    local queue, seq = {}, 0
    for _ = 1, 20000 do
      if math.random() < 0.52 then
        local size = RECORD_BYTES + 8 + 8 * math.random(0, 300)
        local used = tonumber(of.outbox_head - of.outbox_tail)
        local one, keep = record(seq + 1, size)
        local code = lib.outbox_add(outbox, one, text "key")
        assert.equal(used + size <= 65536 and 0 or lib.STENTOR_EFULL, code, keep and "")
        if code == 0 then
          seq = seq + 1
          queue[#queue + 1] = { seq, size }
        end
      elseif #queue > 0 then
        local wanted = table.remove(queue, 1)
        assert.same(wanted, { oldest() })
        lib.outbox_drop(outbox)
      end
    end
    assert.is_true(seq > 5000)
  end)

  it("is there for the next brain, with the size it had", function()
    local one, keep = record(5, 400)
    assert.equal(0, lib.outbox_add(outbox, one, text "key"), keep and "")
    lib.outbox_close(outbox)
    open_outbox(1048576)
    assert.equal(65536, tonumber(of.outbox_bytes))
    assert.same({ 5, 400 }, { oldest() })
    lib.outbox_drop(outbox)
    lib.outbox_close(outbox)
    open_outbox(1048576)
    assert.equal(1048576, tonumber(of.outbox_bytes))
  end)

  it("gives its memory back when it is empty", function()
    lib.outbox_close(outbox)
    open_outbox(2 ^ 24)
    local before = uv.fs_fstat(fd).blocks
    for seq = 1, 400 do
      local one, keep = record(seq, 40000)
      assert.equal(0, lib.outbox_add(outbox, one, text "key"), keep and "")
    end
    assert.is_true((uv.fs_fstat(fd).blocks - before) * 512 > 15000000)
    for _ = 1, 400 do lib.outbox_drop(outbox) end
    assert.is_true((uv.fs_fstat(fd).blocks - before) * 512 < 1000000)
  end)
end)
