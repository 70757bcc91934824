-- SPDX-License-Identifier: MIT
--- Programs in C that specs run: where processes race or die, they must do so
-- in earnest.
local program = {}

--- Builds `source` ("spec/core/journal/kills.c") with the sources of ours that
-- it needs, unless it is built and nothing has changed; its path.
function program.build(source, sources)
  local path = "build/spec/" .. source:gsub("^spec/core/", ""):gsub("%.c$", ""):gsub("/", "_")
  local fresh = os.execute(("test -x %s && test -z \"$(find %s %s %s -name '*.[ch]' -newer %s)\"")
    :format(path, "core", source, source:match "^(.*)/", path))
  if fresh ~= 0 then
    assert(os.execute(("mkdir -p build/spec && cc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra "
      .. "-Wconversion -Werror -fno-strict-aliasing -Icore -I. %s %s -o %s")
      :format(source, sources, path)) == 0, "cannot build " .. source)
  end
  return path
end

--- Runs it: the numbers it printed, as `name number` a line.
function program.run(source, sources, arguments)
  local command = program.build(source, sources) .. " " .. (arguments or "")
  local output = io.popen(command .. " 2>&1; echo code $?")
  local text = output:read "*a"
  output:close()
  local numbers = {}
  for key, number in text:gmatch "(%w+) (%d+)\n" do numbers[key] = tonumber(number) end
  assert(numbers.code == 0, text)
  return numbers
end

return program
