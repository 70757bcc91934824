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

-- Where the module wants to keep large messages. It can be set to no other place
-- ("nchan_message_temp_path" directive is duplicate, says 1.3.6), and nginx does
-- not start without it; whoever installs the package has it.
local messages = "/var/lib/nginx/body"

-- Makes it, and notes what of it is to be taken away again.
local function make_messages(self)
  self.made = {}
  for _, path in ipairs { "/var/lib/nginx", messages } do
    if not uv.fs_stat(path) then
      assert(uv.fs_mkdir(path, 448))
      table.insert(self.made, 1, path)
    end
  end
end

function peer.stream_path(channel) return "/events/" .. channel end

function peer.publish_path(channel) return "/publish/" .. channel end

function peer.start(self)
  local root = uv.cwd() .. "/" .. folder .. "/root"
  self.home = server.own_folder("peers/nchan/run")
  make_messages(self)
  local values = { port = self.port, folder = self.home,
                   modules = root .. "/usr/lib/nginx/modules" }
  local file = assert(io.open("spec/bench/peers/nchan/nginx.conf"))
  local config = file:read("*a"):gsub("@(%w+)@", values)
  file:close()
  server.write(self.home .. "/nginx.conf", config)
  local libraries, path = debian.environment(root)
  return process.start("env", { libraries, path, program, "-p", self.home,
                                "-e", self.home .. "/error.log", "-c", self.home .. "/nginx.conf" })
end

function peer.clean(self)
  for _, path in ipairs(self.made or {}) do uv.fs_rmdir(path) end
  if self.home then process.finish(process.start("rm", { "-rf", self.home }), 30) end
end

return peer
