-- SPDX-License-Identifier: MIT
-- The example as its README tells it: the page in a browser, and a brain that
-- is killed meanwhile.
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local node = require "spec.support.node"
local server = require "spec.support.server"
local sse = require "spec.support.sse"
local uv = require "luv"

local cells = [[JSON.stringify([...document.querySelectorAll("tbody tr")].map(
  (row) => [...row.children].map((cell) => cell.innerText)))]]

describe("examples/trades", function()
  after_each(server.stop_all)

  local function get(one, path)
    local status, _, body = one:request { path = path }
    return status, status == 200 and cjson.decode(body) or body
  end

  local function trades_of(market)
    local sum = 0
    for _, row in pairs(market) do sum = sum + row.trades end
    return sum
  end

  it("shows in the browser what the trades add up to", function()
    local one = server.start { folder = "examples/trades" }
    local page = node.start("page.js", { one.url .. "/" })
    page:wait_line { type = "loaded" }
    local rows
    eventually(function()
      rows = cjson.decode(page:eval((cells:gsub("\n", " "))))
      return #rows == 8
    end)
    assert.equal("ACME", rows[1][1])
    for _, row in ipairs(rows) do assert.matches("^%d+%.%d%d$", row[2]) end
    local trades = "+document.querySelector('#trades').innerText.replace(/\\D/g, '')"
    local before = page:eval(trades)
    eventually(function() return page:eval(trades) > before end)
    for _, line in ipairs(page:lines()) do assert.not_equal("error", line.type) end
  end)

  it("loses and doubles no trade when the brain is killed", function()
    local one = server.start { folder = "examples/trades" }
    local client = sse.open { port = one.port, path = "/board" }
    eventually(function() return #client:events() > 3 end)
    local brain = one:children "brain"
    local before = trades_of(cjson.decode(client:events()[#client:events()].data))
    uv.kill(brain.pid, "sigkill")
    eventually(function()
      local last = client:events()[#client:events()]
      return trades_of(cjson.decode(last.data)) > before + 50
    end)
    -- As many as there are records in the topic: offsets begin with 0.
    eventually(function()
      local _, status = get(one, "/kafka/status")
      local _, market = get(one, "/market")
      local written = 0
      for _, source in ipairs(status.consumer.topics.trades) do
        for _, partition in ipairs(source.partitions) do written = written + partition.next end
      end
      return written == trades_of(market)
    end)
    local seen = 0
    for _, event in ipairs(client:events()) do
      local trades = trades_of(cjson.decode(event.data))
      assert.is_true(trades >= seen)
      seen = trades
    end
  end)

  it("answers for one symbol", function()
    local one = server.start { folder = "examples/trades" }
    eventually(function()
      local status, symbol = get(one, "/market/ACME")
      return status == 200 and symbol.trades > 0 and symbol.low <= symbol.price
        and symbol.price <= symbol.high
    end)
    assert.equal(404, (get(one, "/market/NOPE")))
  end)
end)
