-- SPDX-License-Identifier: MIT
--- Runs before a spec file is loaded. Busted forgets what a spec file requires;
-- what is required here stays, so that there is one luv and one set of C
-- declarations however many blocks ask for them.
local uv = require "luv"

-- `./dev test --asan` preloads the sanitizer for this process alone: node and
-- the browser do not stand it, and the server brings its own.
if os.getenv "LD_PRELOAD" then
  uv.os_unsetenv "LD_PRELOAD"
  uv.os_unsetenv "ASAN_OPTIONS"
end

require "cjson"
require "spec.support.eventually"
require "spec.support.process"
require "spec.support.server"
require "spec.support.http"
require "spec.support.sse"
require "spec.support.node"
require "spec.support.units"
