-- SPDX-License-Identifier: MIT
--- `stentor check --system`: what of this machine is too low for a config. The
-- only limit that a spec can set is that of descriptors; it is that one's
-- verdict that counts here.
local server = require "spec.support.server"

local function config(connections, workers)
  return ([[
listen "127.0.0.1:3000"
workers(%d)
limits { connections = %d }
route "GET /" { respond = function() return 200 end }
]]):format(workers, connections)
end

local function check(files, ...)
  return server.run({ "check", "--system", ... }, { cwd = server.make_folder(files) })
end

-- "ok" or "too low", the value, and what is wanted of it.
local function line_of(done, name)
  for line in done.out:gmatch "[^\n]+" do
    local verdict, rest = line:match "^(ok) +(.*)"
    if not verdict then verdict, rest = line:match "^(too low) +(.*)" end
    if rest and rest:sub(1, #name) == name then
      local value, wanted = rest:sub(#name + 1):match "^ +(%d+)  wanted: at least (%d+)$"
      return verdict, tonumber(value), tonumber(wanted)
    end
  end
  error("no line for " .. name .. " in:\n" .. done.out)
end

local function number_of(path)
  local file = assert(io.open(path))
  local number = file:read "*n"
  file:close()
  return number
end

describe("stentor check --system", function()
  after_each(server.stop_all)

  it("is content with few connections", function()
    local done = check { ["config.lua"] = config(10, 1) }
    assert.equal(0, done.code, done.out .. done.err)
    assert.equal("ok", (line_of(done, "descriptors of a worker")))
    assert.is_truthy(done.out:find("\nall of it suffices\n", 1, true), done.out)
    assert.is_nil(done.out:find("→", 1, true), done.out)
  end)

  it("shows what the kernel says", function()
    local done = check { ["config.lua"] = config(10, 1) }
    for name, path in pairs {
      ["fs.nr_open"] = "/proc/sys/fs/nr_open",
      ["net.core.somaxconn"] = "/proc/sys/net/core/somaxconn",
      ["net.ipv4.tcp_max_syn_backlog"] = "/proc/sys/net/ipv4/tcp_max_syn_backlog",
    } do
      local verdict, value, wanted = line_of(done, name)
      assert.equal(number_of(path), value, name)
      assert.equal(value >= wanted and "ok" or "too low", verdict, name)
    end
  end)

  it("says what is too low, and how it is raised", function()
    -- No system has so many descriptors: 2^30 is the most that Linux allows.
    local done = check { ["config.lua"] = config(2000000000, 1) }
    assert.equal(1, done.code)
    local verdict, value, wanted = line_of(done, "descriptors of a worker")
    assert.equal("too low", verdict)
    assert.is_true(wanted > 2000000000 and value < wanted)
    assert.is_truthy(done.out:find(("ulimit -n %d"):format(wanted), 1, true), done.out)
    assert.is_truthy(done.out:find(("LimitNOFILE=%d"):format(wanted), 1, true), done.out)
    verdict, value, wanted = line_of(done, "fs.nr_open")
    assert.equal("too low", verdict)
    assert.is_true(value < wanted)
    assert.is_truthy(done.out:find(('sysctl -w fs.nr_open="%d"'):format(wanted), 1, true))
    assert.is_truthy(done.out:find("/etc/sysctl.d/", 1, true))
    assert.is_truthy(done.out:find("\nnot all suffices\n", 1, true), done.out)
  end)

  it("names the workers that would make do", function()
    local _, descriptors = line_of(check { ["config.lua"] = config(10, 1) },
      "descriptors of a worker")
    if descriptors > 1e7 then return pending "there are more descriptors than connections" end
    local connections = descriptors * 3
    local done = check { ["config.lua"] = config(connections, 1) }
    assert.equal("too low", (line_of(done, "descriptors of a worker")))
    local workers = tonumber(done.out:match "in the config: workers%((%d+)%)")
    done = check { ["config.lua"] = config(connections, workers) }
    assert.equal("ok", (line_of(done, "descriptors of a worker")))
    done = check { ["config.lua"] = config(connections, workers - 1) }
    assert.equal("too low", (line_of(done, "descriptors of a worker")))
  end)

  it("takes a path, and no second one", function()
    assert.equal(0, check({ ["mine.lua"] = config(10, 1) }, "mine.lua").code)
    local done = check({ ["mine.lua"] = config(10, 1) }, "mine.lua", "other.lua")
    assert.equal(1, done.code)
    assert.is_truthy(done.err:find("other.lua", 1, true))
  end)

  it("names the mistakes of a config, and judges nothing", function()
    local done = check { ["config.lua"] = config(10, 1) .. "raute {}\n" }
    assert.equal(1, done.code)
    assert.equal("", done.out)
    assert.is_truthy(done.err:find("config.lua:5: ", 1, true), done.err)
    assert.is_nil(done.err:find("traceback", 1, true), done.err)
  end)
end)
