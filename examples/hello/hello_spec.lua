-- SPDX-License-Identifier: MIT
-- The example as its README tells it: the page in a browser, curl beside it.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local node = require "spec.support.node"
local process = require "spec.support.process"
local server = require "spec.support.server"
local uv = require "luv"

local dot = "document.querySelector('#state').className"
local shown = "document.querySelector('ol').innerText"
local typed = [[(document.querySelector("input").value = "from the page",
  document.querySelector("form").requestSubmit())]]

describe("examples/hello", function()
  after_each(server.stop_all)

  local function start(port)
    return server.start { folder = "examples/hello", port = port }
  end

  local function say(hello, text)
    local done = process.run("curl", { "-sS", "-d", cjson.encode { text = text },
      hello.url .. "/say" })
    assert.equal(0, done.code, done.err)
    return cjson.decode(done.out).id
  end

  it("shows in the browser what is said with curl", function()
    local hello = start()
    local page = node.start("page.js", { hello.url .. "/" })
    page:wait_line { type = "loaded" }
    eventually(function() return page:eval(dot) == "open" end)
    say(hello, "hello from a terminal")
    eventually(function()
      return page:eval(shown):find("hello from a terminal", 1, true)
    end)
  end)

  it("sends what is typed into the page to everyone", function()
    local hello = start()
    local listener = node.start("eventsource.js", { hello.url .. "/events" })
    listener:wait_line { type = "open" }
    local page = node.start("page.js", { hello.url .. "/" })
    page:wait_line { type = "loaded" }
    page:eval((typed:gsub("\n", " ")))
    local event = listener:wait_line { type = "message" }
    assert.equal("from the page", cjson.decode(event.data).text)
  end)

  it("gives a newcomer the last twenty messages", function()
    local hello = start()
    for i = 1, 25 do say(hello, "message " .. i) end
    local listener = node.start("eventsource.js", { hello.url .. "/events" })
    eventually(function()
      local texts = {}
      for _, line in ipairs(listener:lines()) do
        if line.type == "message" then texts[#texts + 1] = cjson.decode(line.data).text end
      end
      assert.equal(20, #texts)
      assert.equal("message 6", texts[1])
      assert.equal("message 25", texts[20])
      return true
    end)
  end)

  it("catches up by itself when the page has lost its connection", function()
    local hello = start()
    local page = node.start("page.js", { hello.url .. "/" })
    page:wait_line { type = "loaded" }
    eventually(function() return page:eval(dot) == "open" end)
    say(hello, "before")
    -- A worker's end takes its connections along; the history stays.
    for _, child in ipairs(hello:children()) do
      if child.role:find "^worker" then uv.kill(child.pid, "sigkill") end
    end
    eventually(function() return pcall(say, hello, "meanwhile") end)
    eventually(function()
      local text = page:eval(shown)
      assert.truthy(text:find("before", 1, true))
      assert.truthy(text:find("meanwhile", 1, true))
      return true
    end)
    local _, count = page:eval(shown):gsub("before", "")
    assert.equal(1, count)
  end)

  it("says what is wrong with a message without text", function()
    local hello = start()
    for _, body in ipairs { "{}", "3", "null", '{"text":""}' } do
      local status = hello:request { method = "POST", path = "/say", body = body }
      assert.equal(400, status, body)
    end
  end)
end)
