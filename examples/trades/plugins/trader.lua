-- Invents trades: prices that walk at random, each symbol at a pace of its own.
local trader = { about = "Writes sample trades into a topic." }

trader.options = {
  topic = is.topic { about = "where the trades go" },
  every = is.duration { about = "how often one is made", default = "20ms", min = "1ms" },
  symbols = is.list {
    about = "what is traded", of = is.string {},
    default = { "ACME", "HERA", "IRIS", "LETO", "NIKE", "RHEA", "TYRO", "ZEUS" },
  },
}

function trader.setup(server, options)
  local prices = {}
  for i, symbol in ipairs(options.symbols) do prices[symbol] = 20 * i + 7 end
  -- The earlier in the list, the more often: squared, so that some are rare.
  local function draw()
    local at = math.random() ^ 2 * #options.symbols
    return options.symbols[math.floor(at) + 1]
  end
  server:every(options.every, function()
    local symbol = draw()
    local price = prices[symbol] * (1 + (math.random() - 0.499) * 0.008)
    prices[symbol] = price
    options.topic:publish {
      symbol = symbol, price = math.floor(price * 100 + 0.5) / 100,
      quantity = 10 * math.random(1, 100), at = now(),
    }
  end)
end

return trader
