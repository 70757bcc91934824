-- SPDX-License-Identifier: MIT
local uv = require "luv"
local server = require "spec.support.server"
local units = require "spec.support.units"
local ffi = units.ffi

ffi.cdef [[
int getsockopt(int fd, int level, int option, void *value, unsigned *size);
]]

describe("listening", function()
  local lib = units.cdef "core/supervisor/listening.h"
  local why = ffi.new "char[256]"

  local function addresses(list)
    local all = ffi.new("struct stentor_listener[?]", #list)
    for i, address in ipairs(list) do
      all[i - 1].host, all[i - 1].port = address[1], address[2]
    end
    return all, #list
  end

  local function open(list, workers)
    local listening = ffi.new "struct listening"
    local all, count = addresses(list)
    if lib.listening_open(listening, all, count, workers, 12000, why) == 0 then return listening end
    return nil, ffi.string(why)
  end

  local function close(listening)
    lib.listening_close(listening)
  end

  local function option(fd, level, name)
    local value, size = ffi.new "int[1]", ffi.new("unsigned[1]", 4)
    assert.equal(0, ffi.C.getsockopt(fd, level, name, value, size))
    return value[0]
  end

  it("has a listening socket of its own for each worker and address", function()
    local first, second = server.free_port(), server.free_port()
    local listening = assert(open({ { "127.0.0.1", first }, { "::1", second } }, 3))
    local seen = {}
    for worker = 0, 2 do
      for address = 0, 1 do
        local fd = listening.sockets[worker][address]
        assert.is_nil(seen[fd])
        seen[fd] = true
        assert.equal(1, option(fd, 1, 30)) -- SO_ACCEPTCONN
        assert.equal(1, option(fd, 1, 15)) -- SO_REUSEPORT
        assert.equal(1, option(fd, 6, 1)) -- TCP_NODELAY
        assert.equal(12000, option(fd, 6, 18)) -- TCP_USER_TIMEOUT
        assert.equal(1, option(fd, 1, 9)) -- SO_KEEPALIVE
        assert.equal(12, option(fd, 6, 4)) -- TCP_KEEPIDLE
        assert.equal(4, option(fd, 6, 5)) -- TCP_KEEPINTVL
        assert.equal(0, option(fd, 6, 9)) -- TCP_DEFER_ACCEPT
      end
    end
    lib.listening_set_ack_time(listening, 5000)
    assert.equal(5000, option(listening.sockets[2][1], 6, 18))
    close(listening)
    close(assert(open({ { "127.0.0.1", first } }, 1))) -- free again
  end)

  it("opens those of one worker more, which share the addresses", function()
    local port = server.free_port()
    local listening = assert(open({ { "127.0.0.1", port } }, 1))
    assert.equal(0, lib.listening_add_worker(listening, why))
    assert.equal(2, listening.worker_count)
    assert.equal(1, option(listening.sockets[1][0], 1, 30)) -- SO_ACCEPTCONN
    assert.is_true(listening.sockets[0][0] ~= listening.sockets[1][0])
    close(listening)
    close(assert(open({ { "127.0.0.1", port } }, 1))) -- free again
  end)

  it("notices a server that is already there, also one that would share", function()
    local port = server.free_port()
    local theirs = assert(open({ { "127.0.0.1", port } }, 1))
    local ours, text = open({ { "127.0.0.1", server.free_port() }, { "127.0.0.1", port } }, 2)
    assert.is_nil(ours)
    assert.equal(("cannot listen on 127.0.0.1:%d: address already in use "
      .. "(another server has it; see: ss -ltnp)"):format(port), text)
    assert.is_nil((open({ { "0.0.0.0", port } }, 1)))
    close(theirs)
  end)

  it("does not stumble over what a former server's connections left", function()
    local port = server.free_port()
    local listening = assert(open({ { "127.0.0.1", port } }, 1))
    local client = uv.new_tcp()
    local connected = false
    client:connect("127.0.0.1", port, function(err) connected = not err end)
    while not connected do uv.run "once" end
    close(listening) -- resets the connection that waits
    client:close()
    uv.run "nowait"
    close(assert(open({ { "127.0.0.1", port } }, 1)))
  end)

  it("says what is wrong with an address and how to mend it", function()
    local _, text = open({ { "192.0.2.1", 3000 } }, 1)
    assert.truthy(text:find("cannot listen on 192.0.2.1:3000: address not available", 1, true))
    _, text = open({ { "somewhere", 3000 } }, 1)
    assert.equal("cannot listen on somewhere:3000: not a numeric address", text)
  end)

  it("names an address as a URL wants it", function()
    local name = ffi.new("char[?]", tonumber(lib.LISTENING_ADDRESS_BYTES))
    lib.listening_name(addresses { { "::1", 3000 } }, name)
    assert.equal("[::1]:3000", ffi.string(name))
    lib.listening_name(addresses { { "127.0.0.1", 80 } }, name)
    assert.equal("127.0.0.1:80", ffi.string(name))
  end)
end)
