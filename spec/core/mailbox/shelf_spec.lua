-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local program = require "spec.support.program"
local units = require "spec.support.units"
local ffi = units.ffi

describe("shelf", function()
  units.cdef "core/base/error.h"
  local lib = units.cdef "core/mailbox/shelf.h"
  local why = ffi.new "char[256]"
  local fd, shelf

  local function text(bytes) return ffi.new("struct text", bytes, #bytes) end

  local function put(name, bytes) return lib.shelf_put(shelf, text(name), text(bytes)) end

  local function get(name)
    local buffer = ffi.new "struct buffer"
    local code = lib.shelf_get(shelf, text(name), buffer)
    local bytes = ffi.string(buffer.bytes, buffer.size)
    lib.buffer_done(buffer)
    if code ~= 0 then return nil, code end
    return bytes
  end

  local function remove(name) return lib.shelf_remove(shelf, text(name)) end

  -- As the next writer.
  local function reopen()
    lib.shelf_close(shelf)
    assert.equal(0, lib.shelf_open(shelf, fd, why), ffi.string(why))
  end

  local function names()
    local list = {}
    for row = 0, shelf.header.rows - 1 do
      local name = ffi.string(lib.shelf_name(shelf, row))
      if name ~= "" then list[#list + 1] = name end
    end
    assert.is_true(lib.shelf_name(shelf, shelf.header.rows) == nil)
    table.sort(list)
    return list
  end

  before_each(function()
    fd, shelf = fork.memory(), ffi.new "struct shelf"
    assert.equal(0, lib.shelf_create(fd, 64 * 1024, why), ffi.string(why))
    assert.equal(0, lib.shelf_open(shelf, fd, why), ffi.string(why))
  end)

  after_each(function()
    lib.shelf_close(shelf)
    ffi.C.close(fd)
  end)

  it("gives back what was put, byte for byte, also to the next writer", function()
    local bytes = ("\0\1\255é"):rep(1000) .. "end"
    assert.equal(0, put("a", bytes))
    assert.equal(0, put("b/c", ""))
    assert.equal(bytes, get "a")
    reopen()
    assert.equal(bytes, get "a")
    assert.equal("", get "b/c")
    assert.same({ "a", "b/c" }, names())
    assert.same({ nil, lib.STENTOR_ENOTFOUND }, { get "c" })
  end)

  it("replaces and removes", function()
    put("a", ("x"):rep(5000))
    put("a", "short")
    assert.equal("short", get "a")
    assert.equal(1, shelf.header.used_blocks)
    assert.equal(0, remove "a")
    assert.equal(lib.STENTOR_ENOTFOUND, remove "a")
    assert.same({ nil, lib.STENTOR_ENOTFOUND }, { get "a" })
    assert.same({ 0, 0 }, { shelf.header.used_blocks, shelf.header.used_rows })
  end)

  it("refuses what has no room, counts it, and keeps the old record", function()
    assert.equal(0, put("a", ("x"):rep(40 * 1024)))
    assert.equal(lib.STENTOR_EFULL, put("a", ("y"):rep(24 * 1024 + 1)))
    assert.equal(lib.STENTOR_EFULL, put("b", ("y"):rep(24 * 1024 + 1)))
    assert.equal(("x"):rep(40 * 1024), get "a")
    assert.equal(2, tonumber(shelf.header.refused))
    assert.equal(0, put("b", ("y"):rep(24 * 1024)))
    remove "a"
    assert.equal(0, put("c", ("z"):rep(40 * 1024)))
  end)

  it("refuses more records than its table has rows", function()
    for i = 1, shelf.header.rows do assert.equal(0, put("n" .. i, "")) end
    assert.equal(lib.STENTOR_EFULL, put("more", ""))
    assert.equal(0, put("n7", "still replaced"))
    assert.equal(0, remove "n9")
    assert.equal(0, put("more", ""))
  end)

  it("refuses names that are empty or too long", function()
    assert.equal(lib.STENTOR_EINVALID, put("", "x"))
    assert.equal(lib.STENTOR_EINVALID, put(("n"):rep(200), "x"))
    assert.equal(0, put(("n"):rep(199), "x"))
    assert.same({ ("n"):rep(199) }, names())
  end)

  it("tells a spoiled record from a whole one", function()
    put("a", ("x"):rep(3000))
    put("b", "whole")
    local block = ffi.cast("char *", shelf.blocks)
    block[2048] = 7
    assert.same({ nil, lib.STENTOR_EINVALID }, { get "a" })
    assert.equal("whole", get "b")
    assert.equal(1, tonumber(shelf.header.damaged))
    assert.equal(0, put("a", "mended"))
    assert.equal("mended", get "a")
  end)

  it("drops records whose links lead astray", function()
    put("a", ("x"):rep(3000))
    put("b", ("y"):rep(3000))
    shelf.next[0] = 4 -- of the first block of "a": into those of "b"
    reopen()
    assert.equal(0, put("c", ("z"):rep(60 * 1024)))
    assert.same({ "a", "c" }, names()) -- each alone would be sound: one stays
    assert.equal(1, tonumber(shelf.header.damaged))
    assert.equal(("z"):rep(60 * 1024), get "c")
  end)

  it("notices that another wrote meanwhile", function()
    local other = ffi.new "struct shelf"
    put("mine", ("m"):rep(2000))
    assert.equal(0, lib.shelf_open(other, fd, why))
    local name, bytes = text "theirs", text(("t"):rep(2000))
    assert.equal(0, lib.shelf_put(other, name, bytes))
    assert.equal(0, put("mine", ("n"):rep(4000)))
    assert.equal(("t"):rep(2000), get "theirs")
    assert.equal(("n"):rep(4000), get "mine")
    lib.shelf_close(other)
  end)

  it("is a table of texts", function()
    math.randomseed(7)
    local model, size, refused = {}, 0, 0
    local function blocks(bytes) return math.ceil(#bytes / 1024) end
    for step = 1, 5000 do
      local name = "r" .. math.random(12)
      local dice = math.random(20)
      local old = model[name]
      if dice <= 12 then
        local bytes = string.char(math.random(0, 255)):rep(math.random(0, 12000)) .. step
        local code = put(name, bytes)
        if size + blocks(bytes) <= 64 then
          assert.equal(0, code)
          size = size + blocks(bytes) - (old and blocks(old) or 0)
          model[name] = bytes
        else
          assert.equal(lib.STENTOR_EFULL, code)
          refused = refused + 1
        end
      elseif dice <= 15 then
        assert.equal(old and 0 or lib.STENTOR_ENOTFOUND, remove(name))
        if old then size = size - blocks(old) end
        model[name] = nil
      elseif dice == 16 then
        reopen()
      else
        assert.equal(old, (get(name)))
      end
      assert.equal(size, shelf.header.used_blocks)
    end
    for name, bytes in pairs(model) do assert.equal(bytes, get(name)) end
    assert.is_true(refused > 100)
  end)

  local function run(how)
    return program.run("spec/core/mailbox/shelf_kills.c",
      "core/mailbox/shelf.c core/base/*.c", how)
  end

  it("is sound at each instruction of its writer", function()
    local met = run "steps"
    assert.equal(3, met.changes)
    assert.is_true(met.steps > 1000)
  end)

  it("is sound whenever its writer dies", function()
    local met = run "kills"
    assert.is_true(met.kills > 50)
    assert.is_true(met.cut > 10)
  end)

  it("refuses memory that is not a shelf of this version", function()
    local other, short = ffi.new "struct shelf", fork.memory()
    assert.equal(lib.STENTOR_EINVALID, lib.shelf_open(other, short, why))
    ffi.C.close(short)
    shelf.header.version = 99
    assert.equal(lib.STENTOR_EVERSION, lib.shelf_open(other, fd, why))
    shelf.header.version, shelf.header.blocks = 1, 1000
    assert.equal(lib.STENTOR_EINVALID, lib.shelf_open(other, fd, why))
    assert.truthy(ffi.string(why):find "sizes")
  end)
end)
