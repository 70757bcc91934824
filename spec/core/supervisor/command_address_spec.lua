-- SPDX-License-Identifier: MIT
local uv = require "luv"
local server = require "spec.support.server"
local units = require "spec.support.units"
local ffi = units.ffi

ffi.cdef [[
struct sockaddr_un { unsigned short sun_family; char sun_path[108]; };
typedef unsigned uid_t;
int close(int fd);
int listen(int fd, int backlog);
unsigned geteuid(void);
int getpid(void);
]]

describe("the address of the control socket", function()
  local lib = units.cdef "core/supervisor/command_address.h"
  local address = ffi.new "struct command_address"

  after_each(server.stop_all)

  local function name_of(path)
    if not lib.command_address_of_config(address, path) then return nil end
    assert.equal(0, address.name.sun_path[0]) -- abstract
    return ffi.string(address.name.sun_path + 1, address.size - 3)
  end

  it("is one for all ways to write the config's path", function()
    local name = name_of "/srv/app/config.lua"
    assert.truthy(name:find "^stentor%-%x+$")
    for _, path in ipairs { "/srv//app/./config.lua", "/srv/app/x/../config.lua",
      "/../srv/app/config.lua", "//srv/app/config.lua" } do
      assert.equal(name, name_of(path), path)
    end
    assert.not_equal(name, name_of "/srv/app/other.lua")
    assert.not_equal(name, name_of "/config.lua")
    assert.equal(name_of(uv.cwd() .. "/config.lua"), name_of "config.lua")
    assert.equal(name_of(uv.cwd() .. "/../config.lua"), name_of "../config.lua")
  end)

  it("is refused when it is too long", function()
    assert.is_nil(name_of("/" .. ("x"):rep(5000)))
    assert.is_false(lib.command_address_of_path(address, ("x"):rep(108)))
    assert.is_true(lib.command_address_of_path(address, ("x"):rep(107)))
  end)

  it("tells who listens there", function()
    local path = server.make_folder() .. "/s"
    assert.is_true(lib.command_address_of_path(address, path))
    assert.equal(0, lib.command_holder(address))
    local fd = lib.command_listen(address)
    assert.is_true(fd >= 0)
    assert.equal(384, uv.fs_stat(path).mode % 512) -- 0600
    ffi.C.listen(fd, 4)
    assert.equal(ffi.C.getpid(), lib.command_holder(address))
    local client = lib.command_connect(address)
    local pid, uid = ffi.new "int[1]", ffi.new "unsigned[1]"
    assert.is_true(lib.command_peer(client, pid, uid))
    assert.equal(ffi.C.geteuid(), uid[0])
    assert.equal(-1, lib.command_listen(address)) -- it is taken
    ffi.C.close(client)
    ffi.C.close(fd)
  end)
end)
