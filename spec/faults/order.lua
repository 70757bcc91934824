-- SPDX-License-Identifier: MIT
--- The file through which a run tells a server of the build `stentor-faults`
-- where to die, and what to spoil (struct order in fault.c).
local ffi = require "ffi"

ffi.cdef [[
struct fault_order { char step[56]; uint32_t countdown, spoil, spoiled; int32_t stopped; };
int open(const char *path, int flags, ...);
int close(int fd);
int ftruncate(int fd, long size);
void *mmap(void *at, size_t size, int protection, int flags, int fd, long offset);
int munmap(void *at, size_t size);
]]

local SPOIL = { drop = 1, double = 2, reorder = 3 }

local order = {}
local methods = {}
local metatable = { __index = methods }

--- Makes the file; the server is to be started with `path` in the environment
-- as STENTOR_FAULT_FILE.
function order.open(path)
  local size = ffi.sizeof "struct fault_order"
  local fd = ffi.C.open(path, 0x42, ffi.cast("int", 384)) -- O_RDWR | O_CREAT, 0600
  assert(fd >= 0 and ffi.C.ftruncate(fd, size) == 0, "cannot make " .. path)
  local memory = ffi.C.mmap(nil, size, 3, 1, fd, 0) -- read and write, shared
  ffi.C.close(fd)
  assert(ffi.cast("intptr_t", memory) ~= -1, "cannot map " .. path)
  return setmetatable({
    path = path, memory = memory, size = size, words = ffi.cast("struct fault_order *", memory),
  }, metatable)
end

--- Whoever comes to the point `step` for the `nth` time is to stop there.
function methods:die_at(step, nth)
  assert(#step < 56)
  self.words.step[0] = 0
  self.words.countdown = nth
  ffi.copy(self.words.step + 1, step:sub(2))
  self.words.step[0] = step:byte()
end

--- True until somebody has come there.
function methods:is_armed()
  return self.words.step[0] ~= 0
end

--- The pid of the process that has, or nil. It is told once.
function methods:stopped()
  local pid = self.words.stopped
  self.words.stopped = 0
  return pid ~= 0 and pid or nil
end

function methods:disarm()
  self.words.step[0] = 0
end

--- From now on one event in 10,000 is spoilt: "drop", "double" or "reorder";
-- nil: none is.
function methods:spoil(how)
  self.words.spoil = how and assert(SPOIL[how]) or 0
end

--- How many were spoilt.
function methods:spoilt()
  return self.words.spoiled
end

function methods:close()
  ffi.C.munmap(self.memory, self.size)
  self.words = nil
end

--- The names of all points, from the sources; those of `of` ("sink"), which the
-- fault runs do not come to, only if they are asked for.
function order.steps(of)
  local steps, output = {}, io.popen "grep -rho 'FAULT_POINT(\"[^\"]*\")' core --include=*.c"
  for line in output:lines() do
    local step = line:match '"(.*)"'
    if (step:match "^(sink):" or step:match "^(feed):") == of then steps[#steps + 1] = step end
  end
  output:close()
  table.sort(steps)
  return steps
end

return order
