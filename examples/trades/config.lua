-- Trades come in from Kafka, what they add up to goes out to browsers:
--
--   topic "trades" → aggregate by symbol → channel, four times a second → page
--
--   ./dev run examples/trades/config.lua      then open http://127.0.0.1:3000
--
-- It runs on the embedded Kafka. For one of your own, whose trades are JSON such
-- as {"symbol":"ACME","price":12.5,"quantity":100}:
--
--   KAFKA_BROKERS=host:9092 TRADES_TOPIC=trades ./dev run examples/trades/config.lua

listen(env.TRADES_LISTEN or "127.0.0.1:3000")

local bus = kafka { brokers = env.KAFKA_BROKERS or "embedded" }
local trades = bus:topic(env.TRADES_TOPIC or "trades", { key = "symbol" })

-- Whoever comes gets the last state at once, and then every change of it. A
-- million trades a second would be four events a second all the same.
local board = channel "board" { latest = true, replay = 1 }

local market = aggregate "market" {
  from = trades, by = "symbol", every = "250ms", into = board,
  where = function(trade) return trade.data.quantity > 0 end,
  fold = {
    trades = count(), volume = sum "quantity",
    open = first "price", price = last "price",
    low = min "price", high = max "price",
  },
}

local page = file "index.html"

route "GET /" {
  respond = function()
    return 200, page, { ["Content-Type"] = "text/html; charset=utf-8" }
  end,
}
route "GET /board" { stream = board, lagging = "skip" }
route "GET /market" { respond = function() return 200, market:value() end }
route "GET /market/:symbol" {
  respond = function(request)
    local symbol = market:value(request.params.symbol)
    if not symbol then return 404, "no trade of it yet\n" end
    return 200, symbol
  end,
}
route "GET /kafka/status" { respond = function() return 200, bus:status() end }

-- So that there is something to see. With a Kafka of your own, leave it out.
plugin "trader" { topic = trades, every = "20ms" }
