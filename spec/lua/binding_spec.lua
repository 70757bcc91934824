-- SPDX-License-Identifier: MIT
-- lua/core.lua against the very core/brain/ffi.h that C compiles.
local function run(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

describe("the binding", function()
  local library, output

  local function run_it() output = run("luajit spec/lua/binding.lua " .. library) end

  setup(function()
    library = os.tmpname() .. ".so"
    local problem = run(("cc -std=gnu11 -O1 -shared -fPIC -Icore -o %s spec/lua/binding.c")
      :format(library))
    assert.equal("", problem)
    run_it()
  end)

  teardown(function() os.remove(library) end)

  it("passes what the config says", function()
    assert.matches('config.lua:6: route "POST /x y": its name must be', output, 1, true)
    assert.matches("channel events 5 -1\nchannel plain 4294967295 1000\n", output, 1, true)
    assert.matches(" workers 2 listen ::1:3000 lag 1048576 beat 15000 :\n",
      output, 1, true)
  end)

  it("passes requests, answers and events", function()
    assert.matches("publish 1 to 7 event  key  retry 0 data text\n", output, 1, true)
    assert.matches("stream 9851624184872961 channel 7 of 1 flags 0 since 0 preface 0\n",
      output, 1, true)
    assert.matches('publish 1 to 7 event e key k retry 2000 data {"a":[]}\n', output, 1, true)
    assert.matches("respond 202 1 Content-Type", output, 1, true)
    assert.matches('{"a":"one, two","id":"an-id","k":"v","load":0.25,"n":7,'
      .. '"name":"x y","recent":"1\\n2"}', output, 1, true)
  end)

  it("turns codes into errors", function()
    assert.matches("the event is larger, as it is sent, than a quarter", output, 1, true)
  end)

  it("answers a plain route compiled, without garbage", function()
    local hot = "hot: 0 aborts, 0 traces begun, 0 KB of garbage"
    -- LuaJIT counts under a hash of the code's address: in some processes two
    -- counters are one, and a trace begins late.
    for _ = 1, 4 do
      if not output:find(hot, 1, true) then run_it() end
    end
    assert.matches(hot, output, 1, true)
  end)
end)
