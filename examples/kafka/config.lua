-- Everything that is published goes to Kafka too. With compose.yaml beside this:
--
--   docker compose -f examples/kafka/compose.yaml up --wait
--   ./dev run examples/kafka/config.lua

listen(env.KAFKA_LISTEN or "127.0.0.1:3000")

local bus = kafka { brokers = env.KAFKA_BROKERS or "127.0.0.1:9092" }

-- Kafka is behind the channel, not before it: clients get an event at once, and
-- it is copied from the history, so a broker that is away costs nothing.
local events = channel "events" { replay = "10m", into = bus:topic "events" }

route "GET /events" { stream = events }
route "POST /publish" {
  respond = function(request)
    return 202, { id = events:publish(request:json()) }
  end,
}
route "GET /kafka/status" { respond = function() return 200, bus:status() end }
