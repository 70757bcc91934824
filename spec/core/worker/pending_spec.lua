-- SPDX-License-Identifier: MIT
-- Requests that wait for the brain: sent in order, held when the mailbox is
-- full, offered again to the next brain.
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/worker/process.h"
units.cdef "core/worker/request.h"
units.cdef "core/worker/connection.h"
units.cdef "core/mailbox/message.h"
units.cdef "core/mailbox/bell.h"
ffi.cdef [[
int uv_loop_init(uv_loop_t *);
int uv_loop_close(uv_loop_t *);
int uv_run(uv_loop_t *, int);
int memfd_create(const char *, unsigned);
int close(int);
]]
local uv = ffi.load "libuv.so.1"

local limits = ffi.new("struct stentor_limits", {
  head_bytes = 4096, headers = 20, target_bytes = 1024, body_bytes = 100000,
})

describe("pending requests", function()
  local worker, pending, error, connections, brain

  local function new_mailbox(mailbox)
    local fd = ffi.C.memfd_create("mailbox", 1)
    assert.equal(0, lib.mailbox_create(fd, 65536, error), ffi.string(error))
    assert.equal(0, lib.mailbox_open(mailbox, fd, error))
    ffi.C.close(brain.fd or -1)
    brain = { mailbox = ffi.new "struct mailbox", fd = fd }
    assert.equal(0, lib.mailbox_open(brain.mailbox, fd, error))
  end

  before_each(function()
    error, connections, brain = ffi.new "char[256]", {}, {}
    worker = ffi.new "struct worker"
    pending = worker.pending
    assert.equal(0, uv.uv_loop_init(worker.loop))
    local fd = ffi.C.memfd_create("board", 1)
    assert.equal(0, lib.board_create(fd, 1, 4, 10, error), ffi.string(error))
    assert.equal(0, lib.board_open(worker.board, fd, error))
    ffi.C.close(fd)
    worker.shown = lib.board_worker(worker.board, 0)
    worker.brain_bell = lib.bell_new()
    lib.wheel_open(worker.wheel, worker.loop, nil, nil)
    lib.pending_init(pending, 3, 2)
    new_mailbox(worker.mailbox)
  end)

  after_each(function()
    for _, connection in ipairs(connections) do
      lib.pending_remove(pending, connection.request)
      lib.request_free(connection.request)
    end
    lib.wheel_clear(worker.wheel, pending.retry)
    lib.pending_done(pending)
    lib.mailbox_close(worker.mailbox)
    lib.mailbox_close(brain.mailbox)
    lib.board_close(worker.board)
    ffi.C.close(brain.fd)
    ffi.C.close(worker.brain_bell)
    lib.wheel_close(worker.wheel)
    uv.uv_run(worker.loop, 0)
    assert.equal(0, uv.uv_loop_close(worker.loop))
  end)

  local function offer(path, body)
    local connection = ffi.new "struct connection"
    connection.request = lib.request_new(limits)
    connection.request.connection = connection
    local bytes = ("POST %s HTTP/1.1\r\nHost: a\r\nLast-Event-ID: i\r\n"
      .. "Content-Length: %d\r\n\r\n%s"):format(path, #(body or ""), body or "")
    local used = ffi.new "size_t[1]"
    assert.equal(lib.REQUEST_WHOLE, lib.request_parse(connection.request, bytes, #bytes, used))
    table.insert(connections, connection)
    lib.pending_offer(worker, connection)
    return connection.request
  end

  -- The brain's side: the next request, or nil.
  local function next_request()
    local mail = lib.mail_next(brain.mailbox.up)
    if mail == nil then return nil end
    assert.equal(lib.MESSAGE_REQUEST, mail.type)
    local message = ffi.cast("const struct message_request *", mail + 1)
    local at = ffi.cast("const char *", message + 1)
    local function part(size)
      local bytes = ffi.string(at, size)
      at = at + size
      return bytes
    end
    local seen = {
      number = message.request,
      method = part(message.method_bytes), path = part(message.path_bytes),
      query = part(message.query_bytes), headers = part(message.header_bytes),
      body = part(message.body_bytes), last_id = part(message.last_id_bytes),
    }
    lib.mail_release(brain.mailbox.up)
    return seen
  end

  it("carries all parts of a request", function()
    local request = offer("/a?b=c", "hello")
    local seen = next_request()
    assert.equal(request.number, seen.number)
    assert.same({ "POST", "/a", "b=c", "hello", "i" },
      { seen.method, seen.path, seen.query, seen.body, seen.last_id })
    assert.equal("host\0a\0last-event-id\0i\0content-length\0005\0", seen.headers)
    assert.is_nil(next_request())
  end)

  it("gives numbers that name the worker and its start", function()
    local first, second = offer "/1", offer "/2"
    assert.equal(0x0003000200000001ULL, first.number)
    assert.equal(0x0003000200000002ULL, second.number)
  end)

  it("finds each of many, and none that is gone", function()
    local requests = {}
    for i = 1, 300 do requests[i] = offer("/" .. i) end
    for i = 1, 300, 2 do lib.pending_remove(pending, requests[i]) end
    for i = 1, 300 do
      local found = lib.pending_find(pending, requests[i].number)
      if i % 2 == 1 then assert.truthy(found == nil) else assert.truthy(found == requests[i]) end
    end
    assert.equal(150, pending.count)
    assert.truthy(lib.pending_find(pending, 7) == nil)
  end)

  it("holds what has no room and sends it in order", function()
    local body = ("x"):rep(9000)
    for i = 1, 20 do offer("/" .. i, body) end
    assert.equal(20, pending.count)
    local at = 1
    while at <= 20 do
      local seen = next_request()
      if seen then
        assert.equal("/" .. at, seen.path)
        at = at + 1
      else
        lib.pending_send_held(worker)
      end
    end
    assert.is_nil(next_request())
  end)

  it("offers again, in order, what a dead brain has not taken", function()
    local body = ("x"):rep(9000)
    for i = 1, 10 do offer("/" .. i, body) end -- some are sent, some held
    for _ = 1, 3 do next_request() end -- read, but not taken
    lib.mailbox_close(worker.mailbox)
    lib.mailbox_close(brain.mailbox)
    new_mailbox(worker.mailbox)
    lib.pending_move(worker, 0)
    local at = 1
    while at <= 10 do
      local seen = next_request()
      if seen then
        assert.equal("/" .. at, seen.path)
        at = at + 1
      else
        lib.pending_send_held(worker)
      end
    end
  end)
end)
