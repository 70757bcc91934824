-- SPDX-License-Identifier: MIT
-- pushpin, from Debian, with a small origin behind it. The speed settings stand
-- in pushpin.conf.
local uv = require "luv"
local debian = require "spec.bench.debian"
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "pushpin", title = "pushpin" }

-- Its history would be the origin's, which pushpin asks for what is missing.
peer.lacks = { resume = "it keeps no history; its origin would have to" }

-- Each connect is a request to the origin too; more at once wait for so long
-- that they time out.
peer.connects = 64

local folder = server.folder .. "/peers/pushpin"
local program = folder .. "/root/usr/bin/pushpin"

function peer.install()
  return debian.unpack("pushpin", folder, program)
end

function peer.stream_path(channel) return "/events/" .. channel end

-- On the port of the origin, which is another.
function peer.publish_path(channel)
  return ("http://127.0.0.1:%d/publish/%s"):format(peer.origin_port, channel)
end

local function write_configs(self, root)
  local values = { folder = self.home, port = self.port, control = self.control_port,
                   libdir = root .. "/usr/lib/pushpin", bin = root .. "/usr/bin" }
  local file = assert(io.open("spec/bench/peers/pushpin/pushpin.conf"))
  local config = file:read("*a"):gsub("@(%w+)@", values)
  file:close()
  server.write(self.home .. "/pushpin.conf", config)
  server.write(self.home .. "/routes", ("* 127.0.0.1:%d\n"):format(peer.origin_port))
end

function peer.start(self)
  local root = uv.cwd() .. "/" .. folder .. "/root"
  -- The path of a Unix socket must be short.
  self.home = assert(uv.fs_mkdtemp("/tmp/bench-pushpin-XXXXXX"))
  self.control_port = process.free_port()
  peer.origin_port = process.free_port()
  write_configs(self, root)
  server.beside(self, "luajit", { "spec/bench/peers/pushpin/origin.lua",
                                  tostring(peer.origin_port), tostring(self.control_port) })
  local libraries, path = debian.environment(root)
  return process.start("env", { libraries, path, program, "--config", self.home .. "/pushpin.conf",
    "--port", "127.0.0.1:" .. self.port, "--loglevel", "0" })
end

-- Its parts start one after the other.
function peer.ready() process.sleep(1) end

function peer.clean(self)
  if self.home then process.finish(process.start("rm", { "-rf", self.home }), 30) end
end

return peer
