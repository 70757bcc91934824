-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

describe("board", function()
  local lib = units.cdef "core/mailbox/board.h"
  local why = ffi.new "char[256]"
  local fd, board

  before_each(function()
    fd, board = fork.memory(), ffi.new "struct board"
    assert.equal(0, lib.board_create(fd, 3, 10, 100, why), ffi.string(why))
    assert.equal(0, lib.board_open(board, fd, why), ffi.string(why))
  end)

  after_each(function()
    lib.board_close(board)
    ffi.C.close(fd)
  end)

  it("gives each worker a part of its own, on cache lines of its own", function()
    local places = {}
    for number = 0, 2 do
      local place = tonumber(ffi.cast("uintptr_t", lib.board_worker(board, number)))
      assert.equal(0, place % 64)
      places[number] = place
    end
    local bytes = ffi.offsetof("struct board_worker", "channel_streams") + 10 * 4
    assert.is_true(places[1] - places[0] >= bytes)
    assert.equal(places[1] - places[0], places[2] - places[1])
  end)

  it("is the same memory in another process, and outlives it", function()
    local streams = ffi.cast("volatile uint32_t *", lib.board_worker(board, 2)) + 2
    local writer = fork.start(function()
      local other = ffi.new "struct board"
      lib.board_open(other, fd, why)
      lib.board_worker(other, 2).streams = 77
      ffi.C.pause()
    end)
    while streams[0] ~= 77 do ffi.C.sched_yield() end
    fork.kill(writer)
    assert.equal(77, lib.board_worker(board, 2).streams)
  end)

  it("adds up counters and a channel's streams over the workers", function()
    for number = 0, 2 do
      local worker = lib.board_worker(board, number)
      worker.counters[lib.COUNTER_requests] = 10 ^ number
      worker.channel_streams[9] = number + 1
    end
    assert.equal(111, tonumber(lib.board_sum(board, lib.COUNTER_requests)))
    assert.equal(0, tonumber(lib.board_sum(board, lib.COUNTER_accepted)))
    assert.equal(6, lib.board_channel_streams(board, 9))
    assert.equal(0, lib.board_channel_streams(board, 0))
  end)

  it("forgets a dead worker's connections but not its counters", function()
    local dead, other = lib.board_worker(board, 1), lib.board_worker(board, 2)
    for _, worker in ipairs { dead, other } do
      worker.asleep, worker.connections, worker.streams, worker.starts = 1, 5, 4, 2
      worker.counters[lib.COUNTER_accepted] = 9
      worker.channel_streams[0], worker.channel_streams[9] = 3, 4
    end
    lib.board_forget_worker(board, 1)
    assert.same({ 0, 0, 0, 2 }, { dead.asleep, dead.connections, dead.streams, dead.starts })
    assert.equal(9, tonumber(dead.counters[lib.COUNTER_accepted]))
    assert.same({ 0, 0 }, { dead.channel_streams[0], dead.channel_streams[9] })
    assert.same({ 1, 5, 4, 2 }, { other.asleep, other.connections, other.streams, other.starts })
    assert.equal(4, lib.board_channel_streams(board, 9))
  end)

  it("grows by a worker, for all who have it open", function()
    local other = ffi.new "struct board"
    assert.equal(0, lib.board_open(other, fd, why))
    lib.board_grow(board, 4)
    lib.board_worker(other, 3).channel_streams[9] = 5
    lib.board_worker(other, 3).streams, lib.board_worker(other, 3).connections = 5, 6
    lib.board_worker(other, 0).connections = 1
    assert.equal(5, lib.board_channel_streams(board, 9))
    assert.same({ 5, 7 }, { lib.board_streams(board), lib.board_connections(board) })
    lib.board_close(other)
  end)

  it("names its counters", function()
    assert.equal("accepted", ffi.string(lib.board_counter_name(0)))
    assert.equal("clients_vanished", ffi.string(lib.board_counter_name(lib.COUNTERS - 1)))
    assert.is_true(lib.board_counter_name(lib.COUNTERS) == nil)
  end)

  it("refuses memory that is not a board of this version", function()
    local other, short = ffi.new "struct board", fork.memory()
    assert.equal(-1, lib.board_open(other, short, why))
    ffi.C.close(short)
    board.header.version = 99
    assert.equal(-7, lib.board_open(other, fd, why))
    board.header.version, board.header.channels = lib.BOARD_VERSION, 1000
    assert.equal(-1, lib.board_open(other, fd, why))
    assert.truthy(ffi.string(why):find "sizes")
  end)
end)
