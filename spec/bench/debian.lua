-- SPDX-License-Identifier: MIT
-- Debian packages unpacked into a folder instead of installed: installing a
-- server starts it at once, with the packaged config, on all addresses. It
-- needs no root either, and `./dev clean` takes it away again.
local uv = require "luv"
local process = require "spec.bench.process"

local debian = {}

local function words_of(text)
  local words = {}
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  return words
end

-- The names of the package and of all it needs that this machine has not.
local function names_of(package)
  local output, code = process.finish(process.start("apt-get", {
    "install", "--simulate", "-q", "--no-install-recommends", package }), 60)
  if code ~= 0 then return nil end
  local names = {}
  for name in output:gmatch("\nInst (%S+)") do names[#names + 1] = name end
  return names
end

-- Unpacks `package` and what it needs below `folder`/root, where `made` is one
-- of its files. Nil, or why not.
function debian.unpack(package, folder, made)
  if uv.fs_stat(made) then return nil end
  local names = names_of(package)
  if not names or #names == 0 then
    return ("apt has no package %s to fetch"):format(package)
  end
  local debs = folder .. "/debs"
  process.finish(process.start("mkdir", { "-p", debs, folder .. "/root" }), 10)
  local download = { "download", "-q", unpack(names) }
  local _, code = process.finish(process.start("apt-get", download, debs), 300)
  if code ~= 0 then return "apt-get download failed" end
  local list = process.finish(process.start("ls", { debs }), 10)
  for _, file in ipairs(words_of(list)) do
    _, code = process.finish(process.start("dpkg-deb", { "-x", debs .. "/" .. file,
                                                         folder .. "/root" }), 60)
    if code ~= 0 then return "dpkg-deb could not unpack " .. file end
  end
  return nil
end

-- What makes programs below `root` find their libraries and each other there,
-- for `env`.
function debian.environment(root)
  local machine = uv.os_uname().machine .. "-linux-gnu"
  return ("LD_LIBRARY_PATH=%s/usr/lib/%s:%s/lib/%s"):format(root, machine, root, machine),
    ("PATH=%s/usr/bin:%s"):format(root, os.getenv "PATH")
end

return debian
