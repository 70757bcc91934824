-- The same on a cluster that wants TLS and a password. What stands in `settings`
-- is passed on to librdkafka, which knows some two hundred of them:
-- https://github.com/confluentinc/librdkafka/blob/v2.0.2/CONFIGURATION.md
--
--   KAFKA_BROKERS=a:9093,b:9093 KAFKA_USER=stentor KAFKA_PASSWORD=… \
--     ./dev run examples/kafka/secure.lua

listen "127.0.0.1:3000"

local bus = kafka {
  brokers = env "KAFKA_BROKERS",
  outbox = "256M", -- waits here while the brokers are away
  settings = {
    ["security.protocol"] = "SASL_SSL",
    ["sasl.mechanisms"] = "SCRAM-SHA-512", -- or "PLAIN", "OAUTHBEARER", "GSSAPI"
    ["sasl.username"] = env "KAFKA_USER",
    ["sasl.password"] = env "KAFKA_PASSWORD", -- never shown in a log
    -- Without it the system's own certificate authorities are trusted:
    -- ["ssl.ca.location"] = "/etc/stentor/kafka-ca.pem",
    -- A client certificate instead of a password ("security.protocol" = "SSL"):
    -- ["ssl.certificate.location"] = "/etc/stentor/kafka.pem",
    -- ["ssl.key.location"] = "/etc/stentor/kafka.key",
    ["compression.type"] = "lz4",
  },
}

local events = channel "events" {
  replay = "10m",
  into = bus:topic("events", { key = "user" }), -- one user's events in one partition
}

route "GET /events" { stream = events }
route "POST /publish" {
  respond = function(request)
    return 202, { id = events:publish(request:json()) }
  end,
}
route "GET /kafka/status" { respond = function() return 200, bus:status() end }
