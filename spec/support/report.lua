-- SPDX-License-Identifier: MIT
--- The output of a spec run: one line for each file, and all there is to know
-- about what failed. Into the file $STENTOR_COUNTS go "passed failed skipped"
-- and the name of the running test, or "finished"; `./dev test` adds them up.
local uv = require "luv"

local function text_of(message)
  if type(message) == "string" then return message end
  if message == nil then return "failed without a message" end
  return require "pl.pretty".write(message)
end

local function indent(text)
  return "    " .. text:gsub("\n%s*$", ""):gsub("\n", "\n    ")
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local counts_path = os.getenv "STENTOR_COUNTS"
  local file, before, started

  local function failed()
    return handler.failuresCount + handler.errorsCount
  end

  local function write_counts(state)
    if not counts_path then return end
    local out = assert(io.open(counts_path, "w"))
    out:write(("%d %d %d %s\n"):format(handler.successesCount, failed(),
      handler.pendingsCount, state))
    out:close()
  end

  local function print_failure(failure)
    local where = failure.element.trace or failure.trace or {}
    io.write(("  FAILED %s\n    %s:%s\n%s\n"):format(failure.name or "", where.short_src or "?",
      where.currentline or "?", indent(text_of(failure.message))))
    local traceback = failure.trace and failure.trace.traceback
    if failure.isError and traceback then io.write(indent(traceback:gsub("^\n", "")), "\n") end
    io.flush()
  end

  local function print_last(status)
    local list = status == "failure" and handler.failures or handler.errors
    print_failure(list[#list])
  end

  function handler.file_start(element)
    file = element.name
    started = uv.hrtime()
    before = { handler.successesCount, failed(), handler.pendingsCount }
    write_counts("the file " .. file)
    return nil, true
  end

  function handler.file_end()
    local line = ("%s: %d passed"):format(file, handler.successesCount - before[1])
    if failed() > before[2] then line = line .. (", %d FAILED"):format(failed() - before[2]) end
    local skipped = handler.pendingsCount - before[3]
    if skipped > 0 then line = line .. (", %d skipped"):format(skipped) end
    io.write(("%s (%.1f s)\n"):format(line, (uv.hrtime() - started) / 1e9))
    io.flush()
    return nil, true
  end

  function handler.test_start(element)
    write_counts(handler.getFullName(element))
    return nil, true
  end

  function handler.test_end(element, _, status)
    if status == "failure" or status == "error" then
      print_last(status)
    elseif status == "pending" then
      io.write("  skipped ", handler.getFullName(element), "\n")
    elseif options.verbose then
      io.write("  passed ", handler.getFullName(element), "\n")
    end
    io.flush()
    return nil, true
  end

  function handler.error(element)
    if element.descriptor ~= "it" then print_last "error" end
    return nil, true
  end

  function handler.suite_end()
    write_counts "finished"
    return nil, true
  end

  busted.subscribe({ "file", "start" }, handler.file_start)
  busted.subscribe({ "file", "end" }, handler.file_end)
  busted.subscribe({ "test", "start" }, handler.test_start, { predicate = handler.cancelOnPending })
  busted.subscribe({ "test", "end" }, handler.test_end, { predicate = handler.cancelOnPending })
  busted.subscribe({ "error" }, handler.error)
  busted.subscribe({ "failure" }, handler.error)
  busted.subscribe({ "suite", "end" }, handler.suite_end)
  return handler
end
