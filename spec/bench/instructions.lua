-- SPDX-License-Identifier: MIT
-- Instructions per delivery, counted by valgrind's callgrind: of all figures
-- the one that does not vary with what else the machine does. The kernel's are
-- not in it; spec/bench/PROFILE.md says how large a part of the whole it is.
--
--   luajit spec/bench/instructions.lua [--write]     from the top folder
--
-- prints the numbers; with --write they become those that the test run compares
-- with (spec/bench/instructions.txt).
local instructions = {}

local noted_path = "spec/bench/instructions.txt"
local source = "spec/bench/instructions.c"

instructions.scenarios = { "one", "many", "heartbeat", "replay" }

local function output_of(command)
  local pipe = assert(io.popen(command .. "; echo \" $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local output, code = text:match "^(.*) (%d+)\n$"
  return output, tonumber(code)
end

local function must(command)
  local output, code = output_of(command .. " 2>&1")
  if code ~= 0 then error(("%s: exit code %d:\n%s"):format(command, code, output), 0) end
  return output
end

-- What the numbers depend on besides our sources. The C library is in it, for
-- its strings and its printf.
function instructions.tools()
  local compiler = must "cc -dumpfullversion -dumpversion":match "%S+"
  local libuv = must "pkg-config --modversion libuv":match "%S+"
  local libc = must "getconf GNU_LIBC_VERSION":match "^%S+ (%S+)"
  local machine = must "uname -m":match "%S+"
  return ("cc %s, libuv %s, glibc %s, %s"):format(compiler, libuv, libc, machine)
end

local function folder()
  local binary = os.getenv "STENTOR" or "build/release/stentor"
  local path = binary:match "^(.*)/[^/]*$" or "."
  return path:sub(1, 1) == "/" and path or must("pwd"):match "[^\n]+" .. "/" .. path
end

-- Why there is nothing to count here, or nil.
function instructions.hindrance()
  local _, code = output_of "command -v valgrind >/dev/null 2>&1"
  if code ~= 0 then return "valgrind is not installed" end
  if folder():find "/asan$" then return "the build is instrumented" end
end

local function build(where)
  local program = where .. "/instructions"
  must(("cc -std=gnu11 -D_GNU_SOURCE -O2 -Icore -I/usr/share/include/llhttp "
    .. "$(pkg-config --cflags libuv) -o '%s' %s -L'%s' -lstentor-units "
    .. "$(pkg-config --libs libuv) -Wl,-rpath,'%s'"):format(program, source, where, where))
  return program
end

-- scenario → instructions for one event (or heartbeat) to one client.
function instructions.measure()
  local where = folder()
  local program = build(where)
  local result = {}
  for _, scenario in ipairs(instructions.scenarios) do
    local counts = ("%s/instructions.%s"):format(where, scenario)
    -- Symbols are found at the start, or the first call of each would count.
    local output = must(("LD_BIND_NOW=1 valgrind --quiet --tool=callgrind "
      .. "--toggle-collect=measured --callgrind-out-file='%s' '%s' %s"):format(counts, program,
      scenario))
    local file = assert(io.open(counts))
    local total = file:read "*a":match "\ntotals: (%d+)"
    file:close()
    result[scenario] = tonumber(total) / tonumber(output:match "(%d+)%s*$")
  end
  return result
end

-- The numbers checked in, and what they were made with.
function instructions.noted()
  local noted, tools = {}, nil
  for line in io.lines(noted_path) do
    local name, value = line:match "^(%l+) +([%d.]+)$"
    if name then noted[name] = tonumber(value) end
    tools = line:match "^# made with (.*)$" or tools
  end
  return noted, tools
end

function instructions.write(measured)
  local file = assert(io.open(noted_path, "w"))
  file:write("# Instructions for one event (or heartbeat) to one client, without the kernel's.\n",
    "# The test run fails when one has grown by more than 5 %. To note new ones:\n",
    "#   ./dev test spec/bench && luajit spec/bench/instructions.lua --write\n",
    "# made with ", instructions.tools(), "\n",
    "# one: an event alone; many: 32 that had gathered; heartbeat: on an idle stream;\n",
    "# replay: of 100 that everybody has missed\n")
  for _, name in ipairs(instructions.scenarios) do
    file:write(("%-9s %.2f\n"):format(name, measured[name]))
  end
  file:close()
end

if arg and arg[0] and arg[0]:find "instructions%.lua$" then
  local why = instructions.hindrance()
  if why then
    io.stderr:write("instructions: ", why, "\n")
    os.exit(1)
  end
  local measured = instructions.measure()
  for _, name in ipairs(instructions.scenarios) do
    print(("%-9s %.2f"):format(name, measured[name]))
  end
  if arg[1] == "--write" then instructions.write(measured) end
end

return instructions
