-- SPDX-License-Identifier: MIT
--- The rules about the tree itself: what lies where, and who may know whom.

local function lines_of(command)
  local list = {}
  local output = io.popen(command)
  for line in output:lines() do list[#list + 1] = line end
  output:close()
  return list
end

-- Every file of ours: as git sees it, or, without git, what is on the disk.
local function all_files()
  local names = lines_of "git ls-files -co --exclude-standard 2>/dev/null"
  if #names == 0 then
    names = lines_of("find . -mindepth 1 \\( -name .git -o -name node_modules -o -path ./build \\)"
      .. " -prune -o -type f -printf '%P\\n'")
  end
  local files = {}
  for _, name in ipairs(names) do
    local file = io.open(name, "rb")
    if file then -- not deleted meanwhile
      files[#files + 1] = { name = name, text = file:read "*a" or "" }
      file:close()
    end
  end
  return files
end

local function count_lines(text)
  return select(2, text:gsub("\n", ""))
end

local function set(...)
  local members = {}
  for _, name in ipairs { ... } do members[name] = true end
  return members
end

describe("the tree", function()
  local files = all_files()

  -- Throws with every file for which `find_fault` returns a text.
  local function check(pattern, find_fault)
    local faults, seen = {}, 0
    for _, file in ipairs(files) do
      if file.name:find(pattern) then
        seen = seen + 1
        local fault = find_fault(file)
        if fault then faults[#faults + 1] = file.name .. ": " .. fault end
      end
    end
    assert.is_true(seen > 0, "no file is like " .. pattern)
    assert.same({}, faults)
  end

  it("has exactly the agreed top level", function()
    local allowed = set("core", "lua", "plugins", "spec", "examples", "config.lua",
      "CMakeLists.txt", "CMakePresets.json", "README.md", "dev", "LICENSE")
    local found, strangers = {}, {}
    for _, file in ipairs(files) do
      local top = file.name:match "^[^/]+"
      found[top] = true
      if not allowed[top] and top:sub(1, 1) ~= "." then strangers[top] = true end
    end
    assert.same({}, strangers)
    for name in pairs(allowed) do assert.is_true(found[name], name .. " is missing") end
  end)

  it("keeps files under 400 lines", function()
    check("%.[chS]$", function(file)
      local count = count_lines(file.text)
      return count >= 400 and count .. " lines"
    end)
    check("%.lua$", function(file)
      local count = count_lines(file.text)
      return count >= 400 and count .. " lines"
    end)
    check("^dev$", function(file) return count_lines(file.text) >= 400 and "too long" end)
  end)

  it("keeps plugins within 120 lines", function()
    check("^plugins/.*%.lua$", function(file)
      local count = count_lines(file.text)
      return count > 120 and count .. " lines"
    end)
  end)

  it("keeps C functions under 70 lines", function()
    check("^core/.*%.c$", function(file)
      for body in file.text:gmatch "\n{(\n.-\n)}" do
        local count = count_lines(body)
        if count > 70 then
          return ("a function of %d lines: %s…"):format(count, body:match "%S[^\n]*")
        end
      end
    end)
  end)

  it("names the licence in every source", function()
    check("%.[ch]$", function(file)
      return file.text:sub(1, 34) ~= "/* SPDX-License-Identifier: MIT */" and "no SPDX line"
    end)
    for _, place in ipairs { "^lua/", "^plugins/", "^spec/" } do
      check(place .. ".*%.lua$", function(file)
        return not file.text:find "^%-%- SPDX%-License%-Identifier: MIT\n" and "no SPDX line"
      end)
    end
  end)

  it("puts nothing off", function()
    local marks = { "TO" .. "DO", "FIX" .. "ME" }
    check(".", function(file)
      for _, mark in ipairs(marks) do
        if file.text:find("%f[%w_]" .. mark .. "%f[^%w_]") then return "has a " .. mark end
      end
    end)
  end)

  it("declares each header once, under its own name", function()
    check("^core/.*%.h$", function(file)
      local guard = "STENTOR_" .. file.name:gsub("^core/", ""):gsub("[/.]", "_"):upper()
      return not file.text:find("#ifndef " .. guard .. "\n#define " .. guard .. "\n", 1, true)
        and "its guard is not " .. guard
    end)
  end)
end)

describe("the include rule", function()
  local files = all_files()

  -- A room knows itself and these; a name with a slash is one header alone.
  -- brain/ffi.h, the boundary to Lua, also says what a plan is; a child finds
  -- its end of the control channel in supervisor/control.h. The supervisor
  -- makes the memory of the Kafka ledger.
  local knows = {
    base = {},
    journal = { "base" },
    mailbox = { "base" },
    supervisor = { "journal", "mailbox", "base", "brain/ffi.h", "kafka/ledger.h",
      "kafka/places.h" },
    worker = { "journal", "mailbox", "base", "brain/ffi.h", "supervisor/control.h" },
    brain = { "journal", "mailbox", "base", "supervisor/control.h", "kafka" },
    kafka = { "journal", "mailbox", "base", "supervisor/control.h" },
    load = { "base" },
  }

  -- Calls `visit(file, room, header)` for each include of one of ours.
  local function each_include(visit)
    for _, file in ipairs(files) do
      local room = file.name:match "^core/([^/]+)/.*%.[ch]$"
      if room then
        for header in file.text:gmatch '#include "([^"]+)"' do visit(file, room, header) end
      end
    end
  end

  it("holds", function()
    local faults = {}
    each_include(function(file, room, header)
      local target = header:match "^([^/]+)/"
      local allowed = set(room, unpack(knows[room] or {}))
      if not allowed[target] and not allowed[header] then
        faults[#faults + 1] = ("%s includes %s"):format(file.name, header)
      end
    end)
    assert.same({}, faults)
  end)

  it("has a line for every room", function()
    for _, file in ipairs(files) do
      local room = file.name:match "^core/([^/]+)/"
      assert.is_true(room == nil or knows[room] ~= nil, room)
    end
  end)

  local function files_with(place, pattern)
    local found = {}
    for _, file in ipairs(files) do
      if file.name:find(place) and file.text:find(pattern) then found[#found + 1] = file.name end
    end
    return found
  end

  it("lets one C file speak to Lua", function()
    for _, header in ipairs { "lua", "lauxlib", "lualib", "luajit" } do
      for _, name in ipairs(files_with("^core/", "#include <[^>]-%f[%w]" .. header .. "%.h>")) do
        assert.equal("core/brain/script.c", name)
      end
    end
  end)

  it("lets one Lua file use ffi", function()
    local pattern = "require%s*%(?%s*[\"']ffi[\"']"
    assert.same({ "lua/core.lua" }, files_with("^lua/", pattern))
    assert.same({}, files_with("^plugins/", pattern))
  end)
end)
