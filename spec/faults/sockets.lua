-- SPDX-License-Identifier: MIT
--- Which clients a process holds: the kernel knows.
local uv = require "luv"

local sockets = {}

-- inode → port of the other end, of all TCP connections over IPv4
local function peers_by_inode()
  local peers = {}
  for line in io.lines "/proc/net/tcp" do
    local port, inode = line:match "^%s*%d+: %x+:%x+ %x+:(%x+) %x+ %S+ %S+ %x+ +%d+ +%d+ (%d+)"
    if port then peers[inode] = tonumber(port, 16) end
  end
  return peers
end

--- The ports of the other ends of a process's connections, a set.
function sockets.peers(pid)
  local found = {}
  local folder = ("/proc/%d/fd"):format(pid)
  local directory = uv.fs_scandir(folder)
  if not directory then return found end
  local peers = peers_by_inode()
  while true do
    local name = uv.fs_scandir_next(directory)
    if not name then return found end
    local inode = (uv.fs_readlink(folder .. "/" .. name) or ""):match "^socket:%[(%d+)%]$"
    if inode and peers[inode] then found[peers[inode]] = true end
  end
end

return sockets
