-- SPDX-License-Identifier: MIT
--- The config is read again while it is served: by a command or a signal. A
-- broken one changes nothing; a good one closes no stream.
local uv = require "luv"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local reloading = require "spec.integration.reloading"
local server = require "spec.support.server"

local start, write, text_of = reloading.start, reloading.write, reloading.text_of
local command, reload, fail = reloading.command, reloading.reload, reloading.fail
local version, publish, open = reloading.version, reloading.publish, reloading.open
local send, times_logged = reloading.send, reloading.times_logged

describe("reload", function()
  after_each(server.stop_all)

  it("changes routes, and closes no stream", function()
    start()
    local client = open()
    publish "before"
    local brain = reloading.pid("brain")
    reload("2", 'route "GET /new" { respond = function() return 200, "new" end }')
    assert.equal("2", version())
    assert.equal("new", select(3, reloading.request { path = "/new" }))
    publish "after"
    local events = client:wait(2)
    assert.equal("before", events[1].data)
    assert.equal("after", events[2].data)
    assert.is_true(events[2].id > events[1].id)
    assert.is_nil(client.connection.ended)
    eventually(function() return #reloading.one:children() == 3 end)
    assert.equal(0, times_logged "stop hook") -- the server does not stop
    assert.not_equal(brain, reloading.pid("brain"))
  end)

  it("with a broken config changes nothing, and says what is wrong", function()
    start()
    local client = open()
    local brain = reloading.pid("brain")
    assert.equal('config.lua:1: unknown word "colour"\n',
      fail "colour {}\n")
    assert.truthy(fail "listen {":find "^config.lua:1: ")
    assert.equal("1", version())
    assert.equal(brain, reloading.pid("brain"))
    assert.is_nil(client.connection.ended)
    assert.equal(1, times_logged 'error supervisor: config.lua:1: unknown word "colour"')
    eventually(function() return #reloading.one:children() == 3 end)
  end)

  it("refuses by name what cannot change", function()
    start()
    assert.equal("journal.size, limits.channels cannot be changed while the server runs: restart "
      .. "it for that, or put the old value back\n",
      fail(text_of("2", 'journal { size = "2M" } limits { channels = 77 }')))
    assert.equal("1", version())
  end)

  it("by a signal does the same", function()
    start()
    write(text_of "2")
    reloading.one:kill "sighup"
    eventually(function() return version() == "2" end)
    write "wrong {}"
    reloading.one:kill "sighup"
    eventually(function() return times_logged "reload failed" == 1 end)
    assert.equal("2", version())
  end)

  it("lets what runs finish, and loses no request, nor runs one twice", function()
    start()
    local client = open()
    local quick = send { path = "/slow?n=1&wait=300ms" }
    eventually(function() return times_logged "began 1" == 1 end)
    local endless = send { path = "/slow?n=2" }
    eventually(function() return times_logged "began 2" == 1 end)
    write(text_of("2", 'supervise { drain = "600ms" }'))
    local asked, answered = {}, 0
    local done
    reloading.one:kill "sighup"
    eventually(function()
      if #asked < 300 then
        asked[#asked + 1] = send { method = "POST", path = "/publish", body = "n " .. #asked + 1 }
      end
      done = times_logged "reloaded in" == 1
      return done and #asked >= 20
    end)
    assert.equal("done 1", quick:response().body)
    assert.equal("outcome unknown\n", endless:response().body)
    for _, connection in ipairs(asked) do
      assert.equal(202, connection:response("POST").status)
      answered = answered + 1
    end
    local last = publish "the end"
    eventually(function() return client:last_id() == last end)
    local seen = {}
    for _, event in ipairs(client:events()) do
      assert.is_nil(seen[event.data], event.data)
      seen[event.data] = true
    end
    for n = 1, answered do assert.is_true(seen["n " .. n]) end
    assert.is_true(seen["effect 1"])
    assert.is_nil(seen["effect 2"])
    assert.equal(2, times_logged "began")
  end)

  it("goes back to the old brain if the new one cannot start", function()
    start 'supervise { brain_timeout = "500ms", drain = "10ms" }'
    local client = open()
    publish "before"
    local waits = send { path = "/slow?n=9&wait=1s" }
    eventually(function() return times_logged "began 9" == 1 end)
    assert.truthy(fail(text_of("2", 'supervise { drain = "10ms" }\n'
      .. "task(function() while true do end end)"))
      :find "^the new brain ended while starting: signal 9")
    assert.equal("1", version())
    publish "after"
    -- What ran in it was interrupted, and goes on.
    local seen = {}
    for _, event in ipairs(client:wait(3)) do seen[event.data] = true end
    assert.same({ before = true, after = true, ["effect 9"] = true }, seen)
    assert.is_nil(client.connection.ended)
    assert.truthy(reloading.one:log():find "in charge again, with the config that it had")
    assert.equal("outcome unknown\n", waits:response().body)
  end)

  it("goes back if the new one dies while the old one finishes what it does", function()
    start 'log { level = "debug" } supervise { drain = "1m" }'
    local client = open()
    local slow = send { path = "/slow?n=1&wait=1s" }
    eventually(function() return times_logged "began 1" == 1 end)
    local old = reloading.pid "brain"
    write(text_of "2")
    reloading.one:kill "sighup"
    eventually(function() return times_logged "hands over once it has finished" == 1 end)
    for _, child in ipairs(reloading.one:children()) do
      if child.role == "brain" and child.pid ~= old then uv.kill(child.pid, "sigkill") end
    end
    eventually(function()
      return times_logged "the new brain ended while taking over: signal 9" == 1
    end)
    assert.equal("1", version())
    assert.equal("done 1", slow:response().body)
    assert.equal(old, reloading.pid "brain")
    assert.equal(0, times_logged "hung")
    assert.equal(1, times_logged "reload failed")
    publish "after"
    local seen = {}
    for _, event in ipairs(client:wait(2)) do seen[event.data] = true end
    assert.same({ ["effect 1"] = true, after = true }, seen)
    reloading.reload "3"
    assert.equal("3", version())
  end)

  it("goes back if the new one dies, and forward if the old one does", function()
    start()
    local client = open()
    write(text_of("2", 'local n = 0 for i = 1, 1e9 do n = n + i end'))
    reloading.one:kill "sighup"
    local old = reloading.pid("brain")
    local function another()
      for _, child in ipairs(reloading.one:children()) do
        if child.role == "brain" and child.pid ~= old then return child.pid end
      end
    end
    local new = eventually(another)
    uv.kill(new, "sigkill")
    eventually(function()
      return times_logged "the new brain ended while loading the config: signal 9" == 1
    end)
    assert.equal("1", version())
    write(text_of "3")
    uv.kill(old, "sigkill")
    reloading.one:kill "sighup"
    eventually(function() return version() == "3" end)
    publish "after"
    assert.equal("after", client:wait(1)[1].data)
    assert.is_nil(client.connection.ended)
    eventually(function() return #reloading.one:children() == 3 end)
  end)

  it("starts a brain at once where there is none", function()
    start()
    local client = open()
    write "wrong {}"
    uv.kill(reloading.pid("brain"), "sigkill")
    eventually(function() return times_logged "again in 0.8 s" >= 1 end)
    assert.equal('config.lua:1: unknown word "wrong"\n', fail "wrong {}")
    reload "2"
    assert.equal("2", version())
    publish "after"
    assert.equal("after", client:wait(1)[1].data)
    assert.is_nil(client.connection.ended)
  end)

  it("takes over from a brain that hangs", function()
    start [[
supervise { brain_timeout = "400ms" }
route "GET /hang" { respond = function() while true do end end }
]]
    local client = open()
    local hung = send { path = "/hang" }
    write(text_of "2")
    assert.equal(0, command("reload").code)
    assert.equal("outcome unknown\n", hung:response().body)
    assert.equal("2", version())
    assert.is_nil(client.connection.ended)
    assert.equal(1, times_logged "has hung for 0.4 s in route")
  end)

  it("asked for again while it is under way reads the config once more", function()
    start()
    write(text_of "2")
    for _ = 1, 5 do reloading.one:kill "sighup" end
    eventually(function() return times_logged "reloading" >= 1 end)
    write(text_of "3")
    local run = command "reload"
    assert.equal(0, run.code)
    assert.equal("3", version())
    eventually(function() return #reloading.one:children() == 3 end)
  end)

  it("stops a config that loops while it loads", function()
    start()
    assert.truthy(fail(text_of("2", 'supervise { brain_timeout = "100ms" } while true do end'))
      :find "loading takes too long: an endless loop%?")
    assert.equal("1", version())
  end)

  it("changes limits and heartbeats of the streams that there are", function()
    start()
    local client = open()
    local post = { method = "POST", path = "/none", body = ("x"):rep(1000) }
    assert.equal(404, (reloading.request(post)))
    write((text_of("2", 'limits { body = 100 }'):gsub("10m", "100ms")))
    assert.equal("", command("reload").err)
    local beats = #client.comments
    eventually(function() return #client.comments > beats + 2 end)
    assert.equal(413, (reloading.request(post)))
    write(text_of("2", 'limits { body = "4M", response = "3M" }\n'
      .. 'route "POST /echo" { respond = function(r) return 200, r.body end }'))
    assert.equal(0, command("reload").code)
    local body = ("x"):rep(2 * 2 ^ 20)
    post = { method = "POST", path = "/echo", body = body }
    assert.is_true(body == select(3, reloading.request(post)))
  end)

  it("ends the streams of a channel that is gone, and tells them", function()
    local more = [[
local old = channel "old" {}
local rooms = channel "rooms/:id" {}
route "GET /both" { stream = { events, old } }
route "GET /old" { stream = old }
route "GET /rooms/:id" { stream = function(request) return rooms(request.params.id) end }
route "POST /old" { respond = function() return 202, { id = old:publish "x" } end }
on("unsubscribe", function(client, ended) log.info("gone: " .. ended.reason .. ".") end)
]]
    start(more)
    local staying = open()
    local going = { open "/both", open "/old", open "/rooms/1" }
    assert.equal(202, (reloading.request { method = "POST", path = "/old" }))
    local id = going[2]:wait(1)[1].id
    reload "2"
    for i, client in ipairs(going) do
      eventually(function() return client.connection.ended end)
      local events = client:events()
      local gap = events[#events]
      assert.equal("gap", gap.event)
      assert.equal("removed", cjson.decode(gap.data).reason)
      if i < 3 then assert.equal(id, gap.id) end
    end
    publish "after"
    assert.equal("after", staying:wait(1)[1].data)
    assert.equal(404, (reloading.request { path = "/old" }))
    assert.truthy(reloading.one:log():find("2 channels are no longer in the config", 1, true))
    -- It comes back, with what it had.
    reload("3", more)
    assert.equal("x", open("/old?since=all"):wait(1)[1].data)
  end)

  it("changes the number of workers, and closes no stream", function()
    start()
    local clients = {}
    for i = 1, 8 do clients[i] = open() end
    for _, count in ipairs { 3, 1 } do
      write((text_of(count):gsub("workers%(2%)", ("workers(%d)"):format(count))))
      assert.equal(0, command("reload").code)
      eventually(function() return #reloading.one:children() == count + 1 end)
    end
    publish "after"
    for _, client in ipairs(clients) do
      assert.equal("after", client:wait(1)[1].data)
      assert.is_nil(client.connection.ended)
    end
  end)
end)
