-- SPDX-License-Identifier: MIT
-- Run by loop_spec.lua in a process of its own: aggregates on the recorder of
-- binding.c and the journal of journal.c. Prints what became of the traces.
require "spec.lua.path"
local ffi = require "ffi"

local library = ffi.load(arg[1], true)
ffi.cdef [[
void binding_feed(int64_t count, int of_kind);
void journal_grow(uint64_t count);
uint64_t journal_left(void);
]]

local boot = require "stentor.boot"
local kinds = require("stentor.core").kinds
local vmdef = require "jit.vmdef"

-- Of the loop itself: what is around each batch is not worth a trace.
local aborts, begun, is_ours = {}, 0, false
local on_trace = {
  start = function(_, fn, pc)
    is_ours = require("jit.util").funcinfo(fn, pc).loc:find "^aggregate:"
    if is_ours then begun = begun + 1 end
  end,
  abort = function(_, _, _, code, reason)
    if type(code) == "number" then code = vmdef.traceerr[code] end
    if is_ours then aborts[#aborts + 1] = code:format(tostring(reason)) end
  end,
}
jit.attach(function(what, ...)
  if on_trace[what] then on_trace[what](...) end
end, "trace")

-- Where the time goes: "N" machine code, "I" the interpreter, "C" C functions.
local samples = { N = 0, I = 0, C = 0, G = 0, J = 0 }
local profile = require "jit.profile"

local function feed(kind)
  library.binding_feed(1, kind)
  boot.pump()
end

local path = os.tmpname()
local handle = assert(io.open(path, "w"))
handle:write(([[
listen "[::1]:3000"
local events = channel "events" {}
route "GET /events" { stream = events }
route "POST /x" { respond = function() return 202, events:publish("") end }
aggregate "hot" { from = events, keys = 2000, by = %s, where = %s, fold = { %s } }
]]):format(arg[2], arg[3], arg[4]))
handle:close()
assert(not boot.start(nil, path), "the config is wrong")
os.remove(path)
feed(kinds.go)

-- As many turns as it takes: each is bounded in time.
local function take(count)
  library.journal_grow(count)
  for _ = 1, count do
    if library.journal_left() == 0 then return end
    feed(kinds.appended)
  end
  error "it does not get on"
end

take(100000)
aborts, begun = {}, 0
collectgarbage()
collectgarbage "stop"
local before, began = collectgarbage "count", os.clock()
profile.start("i1", function(_, count, state) samples[state] = samples[state] + count end)
local records = tonumber(arg[5])
take(records)
profile.stop()
local seconds = os.clock() - began
local garbage = (collectgarbage "count" - before) * 1024 / records
print(("aborts %d traces %d garbage %.1f compiled %.2f records/s %.0f"):format(#aborts, begun,
  garbage, samples.N / (samples.N + samples.I + samples.G + samples.J), records / seconds))
for _, abort in ipairs(aborts) do print(abort) end
