-- SPDX-License-Identifier: MIT
--- What /proc knows about processes.
local uv = require "luv"

local proc = {}

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

-- Fields of /proc/<pid>/stat after the name, which may itself hold anything:
-- state, parent, … ; field 20 is the start time.
local function stat(pid)
  local text = read(("/proc/%d/stat"):format(pid))
  local rest = text and text:match "^.*%) (.*)$"
  if not rest then return nil end
  local fields = {}
  for field in rest:gmatch "%S+" do fields[#fields + 1] = field end
  return { state = fields[1], parent = tonumber(fields[2]), started = fields[20],
    ticks = fields[12] + fields[13] }
end

--- The command line as `ps` shows it; "" for a zombie, nil if there is none.
function proc.title(pid)
  local text = read(("/proc/%d/cmdline"):format(pid))
  return text and (text:gsub("[%z ]+$", ""):gsub("%z", " "))
end

--- A process that is the same later: a pid may be used again.
function proc.identify(pid)
  local now = stat(pid)
  return now and { pid = pid, started = now.started }
end

function proc.is_alive(identity)
  local now = stat(identity.pid)
  return now ~= nil and now.started == identity.started and now.state ~= "Z"
end

--- The living children of `pid`: a list of `{ pid, title, role, started }`,
-- `role` being the title without "stentor: ".
function proc.children(pid)
  local found = {}
  -- Of its one thread.
  for number in (read(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):gmatch "%d+" do
    local child = tonumber(number)
    local now = stat(child)
    if now and now.parent == pid and now.state ~= "Z" then
      local title = proc.title(child) or ""
      found[#found + 1] = {
        pid = child,
        title = title,
        role = title:match "^stentor: (.*)$",
        started = now.started,
      }
    end
  end
  table.sort(found, function(a, b) return (a.role or "") < (b.role or "") end)
  return found
end

--- Seconds of processor time that `pid` has used so far.
function proc.cpu_seconds(pid)
  return stat(pid).ticks / 100 -- USER_HZ, 100 on all Linux that matters
end

--- The number of open descriptors of `pid`.
function proc.descriptors(pid)
  local count = 0
  local directory = assert(uv.fs_scandir(("/proc/%d/fd"):format(pid)))
  while uv.fs_scandir_next(directory) do count = count + 1 end
  return count
end

return proc
