-- SPDX-License-Identifier: MIT
-- Runs configs on the fake core.
require "spec.lua.path"

local fake = require "spec.lua.fake_core"
-- boot.lua binds the real core when it is loaded.
package.loaded["stentor.core"] = package.loaded["stentor.core"] or fake

local boot = require "stentor.boot"
local pump = require "stentor.pump"

local support = { fake = fake }

-- Writes `files` (path → text) into a new folder; returns it with "/".
function support.folder(files)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute(("mkdir -p %s/plugins"):format(folder))
  for path, text in pairs(files) do
    local handle = assert(io.open(folder .. "/" .. path, "wb"))
    handle:write(text)
    handle:close()
  end
  return folder .. "/"
end

function support.remove(folder)
  os.execute(("rm -rf '%s'"):format(folder))
end

-- All errors of a config, with the folder taken out; or nil.
function support.errors(text, files)
  files = files or {}
  files["config.lua"] = text
  local folder = support.folder(files)
  local _, errors = boot.load(fake.new(), folder .. "config.lua")
  support.remove(folder)
  return errors and (errors:gsub(folder:gsub("%p", "%%%0"), ""))
end

-- A running server: { core, server, pump() }.
function support.run(text, files, core)
  files = files or {}
  files["config.lua"] = text
  local folder = support.folder(files)
  core = core or fake.new()
  local server, errors = boot.load(core, folder .. "config.lua")
  support.remove(folder)
  if errors then error(errors, 2) end
  local why = boot.open(server)
  if why then error(why, 2) end
  assert(boot.plan(server))
  local self = { core = core, server = server }
  function self.pump() return pump.run(server) end
  -- Answers one request.
  function self.ask(line, options)
    local ticket = core:request(line, options)
    self.pump()
    return core.answers[ticket]
  end
  function self.advance(ms) core:advance(ms, self.pump) end
  core:push("go")
  self.pump()
  return self
end

return support
