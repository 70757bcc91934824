-- SPDX-License-Identifier: MIT
--- Two processes over one shared memory: for what happens when one of them
-- dies, and for races that threads of one program would not show.
local ffi = require "ffi"

ffi.cdef [[
int fork(void);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signal);
void _exit(int code);
unsigned alarm(unsigned seconds);
int pause(void);
int memfd_create(const char *name, unsigned flags);
int poll(void *fds, unsigned long count, int timeout_ms);
int sched_yield(void);
int usleep(unsigned microseconds);
int close(int fd);
int dup2(int from, int to);
void (*signal(int number, void (*handler)(int)))(int);
int open(const char *path, int flags, ...);
]]

local C = ffi.C
local fork = {}

local sigkill, sigabrt, sigsegv = 9, 6, 11
fork.SIGKILL, fork.SIGABRT = sigkill, sigabrt

--- A descriptor of new shared memory.
function fork.memory()
  local fd = C.memfd_create("spec", 1)
  assert(fd >= 0)
  return fd
end

--- Runs `work` in a child, which ends with what `work` returns (0), or 99 if
-- that throws; by a signal after `seconds` (60). Returns its pid.
function fork.start(work, seconds)
  io.flush()
  local pid = C.fork()
  assert(pid >= 0)
  if pid > 0 then return pid end
  C.alarm(seconds or 60)
  C.signal(sigsegv, nil) -- a sanitizer's handler would make it an exit code
  local ok, result = pcall(work)
  if not ok then io.stderr:write(tostring(result), "\n") end
  C._exit(ok and result or (ok and 0 or 99))
end

--- Waits for the child; returns its exit code and the signal that ended it.
function fork.wait(pid)
  local status = ffi.new "int[1]"
  assert(C.waitpid(pid, status, 0) == pid)
  local signal = status[0] % 128
  return math.floor(status[0] / 256), signal
end

function fork.kill(pid)
  C.kill(pid, sigkill)
  return fork.wait(pid)
end

--- Runs `work` in a child without its words about it, and returns how it ended.
function fork.quietly(work)
  return fork.wait(fork.start(function()
    C.dup2(C.open("/dev/null", 1), 2)
    return work()
  end))
end

local pollfd = ffi.typeof "struct { int fd; short events; short revents; }[1]"

--- True if `fd` becomes readable within the time.
function fork.readable(fd, milliseconds)
  local poll = pollfd()
  poll[0].fd, poll[0].events = fd, 1
  return C.poll(poll, 1, milliseconds) == 1
end

return fork
