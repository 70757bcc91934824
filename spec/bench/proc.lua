-- SPDX-License-Identifier: MIT
-- Figures of processes, from the kernel: what /proc says of a process and all
-- its descendants together.
local uv = require "luv"

local proc = {}

local function read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function children_of(pid)
  return read(("/proc/%d/task/%d/children"):format(pid, pid)) or ""
end

-- The pids of a process and its descendants, itself first.
function proc.family(pid)
  local pids = { pid }
  local at = 1
  while pids[at] do
    for child in children_of(pids[at]):gmatch("%d+") do pids[#pids + 1] = tonumber(child) end
    at = at + 1
  end
  return pids
end

-- Does it run? One that has ended but was not waited for does not.
function proc.is_running(pid)
  local stat = read(("/proc/%d/stat"):format(pid))
  return stat ~= nil and stat:match("^.*%) (%a)") ~= "Z"
end

-- Seconds of processor time, in user and kernel mode, of all of `pids`.
function proc.cpu_seconds(pids)
  local ticks = 0
  for _, pid in ipairs(pids) do
    local stat = read(("/proc/%d/stat"):format(pid))
    local rest = stat and stat:match("^.*%) (.*)$")
    if rest then
      -- The fields from the third on; utime and stime are the 14th and 15th.
      local user, system = rest:match("^" .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
      ticks = ticks + tonumber(user) + tonumber(system)
    end
  end
  return ticks / 100 -- USER_HZ, which Linux has fixed
end

-- Bytes of user memory: shared pages are divided among those who map them.
function proc.pss_bytes(pids)
  local kilobytes = 0
  for _, pid in ipairs(pids) do
    local rollup = read(("/proc/%d/smaps_rollup"):format(pid)) or ""
    kilobytes = kilobytes + tonumber(rollup:match("\nPss:%s+(%d+)") or 0)
  end
  return kilobytes * 1024
end

local LISTENING = "0A"

-- inode → "address:port" of the sockets that listen beyond loopback.
local function open_to_others(pid)
  local found = {}
  for _, name in ipairs { "tcp", "tcp6" } do
    for line in (read(("/proc/%d/net/%s"):format(pid, name)) or ""):gmatch("[^\n]+") do
      local address, state, inode =
        line:match("^%s*%d+: (%x+:%x+) %x+:%x+ (%x%x) %S+ %S+ %S+%s+%d+%s+%d+ (%d+)")
      -- In words of four bytes, the first byte of each written last: 127.x.x.x,
      -- the same mapped into IPv6, and ::1.
      local is_loopback = address and (address:find("^%x%x%x%x%x%x7F:") or
                                       address:find("^0+FFFF0000%x%x%x%x%x%x7F:") or
                                       address:find("^0+01000000:"))
      if state == LISTENING and not is_loopback then found[inode] = address end
    end
  end
  return found
end

-- What `pids` listen on that is not loopback: "00000000:1F3F", or nil.
function proc.exposed(pids)
  for _, pid in ipairs(pids) do
    local sockets = open_to_others(pid)
    local folder = ("/proc/%d/fd"):format(pid)
    local request = next(sockets) and uv.fs_scandir(folder)
    local name = request and uv.fs_scandir_next(request)
    while name do
      local inode = (uv.fs_readlink(folder .. "/" .. name) or ""):match("^socket:%[(%d+)%]")
      if inode and sockets[inode] then return sockets[inode] end
      name = uv.fs_scandir_next(request)
    end
  end
  return nil
end

-- How many processes wanted a processor, on average over the last minute.
function proc.load_average()
  return tonumber((read "/proc/loadavg" or ""):match "^%S+") or 0
end

-- "AMD EPYC …, 2 cores, Linux 6.1.0": what the figures were taken on.
function proc.machine()
  local cpu = read("/proc/cpuinfo") or ""
  local _, cores = cpu:gsub("processor%s*:", "")
  local release = (read("/proc/sys/kernel/osrelease") or "?"):gsub("%s+$", "")
  return ("%s, %d cores, Linux %s"):format(cpu:match("model name%s*:%s*([^\n]+)") or "?", cores,
                                           release)
end

return proc
