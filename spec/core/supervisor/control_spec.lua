-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi

ffi.cdef [[
int close(int fd);
int fcntl(int fd, int command, ...);
long write(int fd, const void *bytes, size_t size);
long read(int fd, void *bytes, size_t size);
int pipe2(int *ends, int flags);
]]

describe("control", function()
  local C, lib = ffi.C, units.cdef "core/supervisor/control.h"
  local getfd, getfl, setfl, cloexec, nonblock, eagain, ebadmsg = 1, 3, 4, 1, 2048, 11, 74
  local ends, message

  before_each(function()
    ends, message = ffi.new "int[2]", ffi.new "struct control_message"
    assert.equal(0, lib.control_pair(ends))
  end)

  after_each(function()
    C.close(ends[0])
    C.close(ends[1])
  end)

  it("carries messages whole and in order, with nothing or something in them", function()
    local objects = ffi.new "struct control_objects"
    objects.worker_count, objects.plan.limits.channels = 3, 77
    assert.equal(0, lib.control_send(ends[0], lib.CONTROL_OBJECTS, objects,
      ffi.sizeof(objects), nil, 0))
    assert.equal(0, lib.control_send(ends[0], lib.CONTROL_GO, nil, 0, nil, 0))

    assert.equal(1, lib.control_receive(ends[1], message))
    assert.equal(tonumber(lib.CONTROL_OBJECTS), message.type)
    assert.equal(ffi.sizeof(objects), message.size)
    local got = ffi.cast("struct control_objects *", message.body)
    assert.equal(3, got.worker_count)
    assert.equal(77, got.plan.limits.channels)
    assert.equal(1, lib.control_receive(ends[1], message))
    assert.same({ tonumber(lib.CONTROL_GO), 0, 0 },
      { message.type, message.size, message.fd_count })
  end)

  it("carries the most descriptors it promises, close-on-exec", function()
    local pipe, most = ffi.new "int[2]", tonumber(lib.CONTROL_FDS_MAX)
    assert.equal(0, C.pipe2(pipe, 0))
    local fds = ffi.new("int[?]", most)
    for i = 0, most - 1 do fds[i] = pipe[1] end
    assert.equal(0, lib.control_send(ends[0], lib.CONTROL_MAILBOX, nil, 0, fds, most))
    assert.equal(1, lib.control_receive(ends[1], message))
    assert.equal(most, message.fd_count)
    for i = 0, most - 1 do
      assert.equal(cloexec, C.fcntl(message.fds[i], getfd))
      assert.equal(1, tonumber(C.write(message.fds[i], "x", 1)))
      C.close(message.fds[i])
    end
    assert.equal(most, tonumber(C.read(pipe[0], ffi.new "char[1000]", 1000)))
    C.close(pipe[0])
    C.close(pipe[1])
  end)

  it("says when there is nothing yet, and when the other end has gone", function()
    C.fcntl(ends[1], setfl, ffi.cast("int", bit.bor(C.fcntl(ends[1], getfl), nonblock)))
    assert.equal(-1, lib.control_receive(ends[1], message))
    assert.equal(eagain, ffi.errno())
    lib.control_send(ends[1], lib.CONTROL_READY, nil, 0, nil, 0) -- never read
    C.close(ends[0])
    assert.equal(0, lib.control_receive(ends[1], message))
    assert.equal(-1, lib.control_send(ends[1], lib.CONTROL_READY, nil, 0, nil, 0))
  end)

  it("refuses a packet that is not what its head says", function()
    C.write(ends[0], "\1\0\0\0\9\0\0\0body", 12)
    assert.equal(-1, lib.control_receive(ends[1], message))
    assert.equal(ebadmsg, ffi.errno())
    C.write(ends[0], "\1\0", 2)
    assert.equal(-1, lib.control_receive(ends[1], message))
  end)
end)
