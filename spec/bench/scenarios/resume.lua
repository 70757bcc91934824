-- SPDX-License-Identifier: MIT
-- After a restart of the network: everyone connects at once and is to replay
-- the last 100 events. Measured from the first connect to the last event, and
-- less the time that the connects alone take on the same server; that is set
-- beside one pass of the same bytes: as many events, published flat out to as
-- many clients that listen already.
local figure = require "spec.bench.figure"
local http = require "spec.bench.http"
local load = require "spec.bench.load"
local server = require "spec.bench.server"

local resume = {
  title = "resume storm",
  about = "all connect at once and replay the last 100 events",
}

local EVENTS, EVENT_BYTES = 100, 100

local function publish(self)
  local body = ('{"replay":"%s"}'):format(("~"):rep(EVENT_BYTES - 13))
  http.send(self.port, "POST", server.publish_path(self), body)
end

-- The options of clients that want the history back.
local function replaying(self)
  local options = {}
  if self.peer.replays == "id" then
    local id = http.first_id(self.port, server.stream_path(self), function() publish(self) end)
    options.header = "Last-Event-ID: " .. id
  else
    options.path = self.peer.replay_path("main")
  end
  for _ = 1, EVENTS do publish(self) end
  return options
end

-- From the first connect to the last client's answer.
local function connect_s(report)
  return report.connections.opened / report.connect_per_s
end

-- Events a client, whatever they are merged into.
local function replayed(self, report)
  local deliveries, opened = report.deliveries, report.connections.opened
  local merges = self.peer.merges
  if merges then -- into one, and one beside it
    local inside = deliveries.bytes / opened - merges.event_bytes - merges.other_bytes
    return math.floor((inside + 1) / (EVENT_BYTES + 1) + 0.5)
  end
  return deliveries.count / opened
end

-- How long one pass takes, from the first publish to the last client's last event.
local function pass_s(self, size)
  local report = load.run(self, load.publishing(self, {
    connections = size.clients, rate = "max", events = EVENTS, in_flight = 6,
    size = EVENT_BYTES, duration = "20s" }))
  return (report.last_event_at_us - report.running_at_us) / 1e6
end

function resume.measure(peer, size)
  local figures = server.with(peer, 1, function(self)
    local options = replaying(self)
    options.connections, options.duration = size.clients, "2s"
    local plain = load.run(self, { connections = size.clients, duration = "300ms" })
    local storm = load.run(self, options)
    local whole_s = (storm.last_event_at_us - storm.first_connect_at_us) / 1e6
    local each = replayed(self, storm)
    return { whole_s = whole_s, replay_s = math.max(whole_s - connect_s(plain), 0.001),
             cpu_us = storm.server.cpu_all_s / (each * storm.connections.opened) * 1e6,
             fault = each ~= EVENTS and ("%.1f of %d events"):format(each, EVENTS) or nil,
             pass_s = pass_s(self, size), plain = plain, storm = storm }
  end)
  figures.times = figures.replay_s / figures.pass_s
  return figures
end

function resume.rows(size)
  return {
    figure.less(("%d clients replay %d events: to the last of them"):format(size.clients, EVENTS),
                "whole_s", figure.second),
    figure.less("of that for the replay, beside one pass flat out", "times", figure.times,
                { { ceiling = 1.5, text = "≤ 1.5" } }),
    figure.less("CPU an event, connects included", "cpu_us", figure.micro),
    figure.complete,
  }
end

return resume
