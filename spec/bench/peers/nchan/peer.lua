-- SPDX-License-Identifier: MIT
-- nginx with nchan, from Debian. The speed settings stand in nginx.conf.
local uv = require "luv"
local debian = require "spec.bench.debian"
local process = require "spec.bench.process"
local server = require "spec.bench.server"

local peer = { name = "nchan", title = "nginx + nchan", resumes = true, replays = "id" }

local folder = server.folder .. "/peers/nchan"
local program = folder .. "/root/usr/sbin/nginx"
local module = "/root/usr/lib/nginx/modules/ngx_nchan_module.so"

-- nginx and its module come from the same archive, whatever is installed here.
function peer.install()
  return debian.unpack("libnginx-mod-nchan", folder, folder .. module) or
         not uv.fs_stat(program) and debian.unpack("nginx", folder, program) or nil
end

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  local root = uv.cwd() .. "/" .. folder .. "/root"
  self.home = server.own_folder("peers/nchan/run")
  local values = { port = self.port, folder = self.home,
                   modules = root .. "/usr/lib/nginx/modules" }
  local file = assert(io.open("spec/bench/peers/nchan/nginx.conf"))
  local config = file:read("*a"):gsub("@(%w+)@", values)
  file:close()
  server.write(self.home .. "/nginx.conf", config)
  return process.start("env", { debian.environment(root), program, "-p", self.home,
                                "-e", self.home .. "/error.log", "-c", self.home .. "/nginx.conf" })
end

function peer.clean(self)
  if self.home then process.finish(process.start("rm", { "-rf", self.home }), 30) end
end

return peer
