-- SPDX-License-Identifier: MIT
-- What the words that set things (`limits`, `heartbeat`, …) say when the config
-- is silent, and how `limits` maps to `struct stentor_limits`.
local types = require "stentor.types"
local units = require "stentor.units"

local defaults = {}

local function whole(default, expects, max)
  return expects { default = default, min = 1, max = max }
end

local INT_MAX = 2 ^ 31 - 1
local MESSAGE_MAX = 2 ^ 28 -- what goes through a mailbox, four times over

-- "100/m": so many at once, then one each 0.6 s.
local pace = types.custom("pace", 'how many in what time, such as "50/s" or '
  .. '"100/m"', function(value)
    local rate = units.rate(value)
    if not rate or rate <= 0 or rate > 1e9 then return nil end
    local burst = units.duration("1" .. value:match("%a+$"))
    return { interval = 1 / rate, burst = math.max(burst, 1 / rate) }
  end)

defaults.limits = {
  connections = whole("250k", types.count, INT_MAX),
  head = whole("16k", types.size, 2 ^ 20),
  headers = whole(100, types.count, 10000),
  target = whole("8k", types.size, 2 ^ 20),
  body = whole("1M", types.size, MESSAGE_MAX),
  head_time = types.duration { default = "10s", min = "10ms", max = "1d" },
  body_time = types.duration { default = "30s", min = "10ms", max = "1d" },
  idle_time = types.duration { default = "60s", min = "10ms", max = "1d" },
  answer_time = types.duration { default = "10s", min = "10ms", max = "1h" },
  ack_time = types.duration { default = "30s", min = "1s", max = "1h" },
  pipeline = whole(16, types.count, 1000),
  response = whole("1M", types.size, MESSAGE_MAX),
  event = whole("256k", types.size, 2 ^ 28),
  client_lag = whole("1M", types.size, INT_MAX),
  client_lag_time = types.duration { default = "60s", min = "100ms",
    max = "1d" },
  channels = whole("10k", types.count, 10 ^ 7),
  stream_channels = whole(64, types.count, 4096),
  policies = whole(1000, types.count, 65534),
  addresses = whole("64k", types.count, 10 ^ 7),
  address_connections = whole("250k", types.count, INT_MAX),
  address_requests = pace { default = "100k/s" },
  latest_keys = whole("10k", types.count, 10 ^ 7),
  handlers = whole("10k", types.count, 10 ^ 6),
  kept = types.size { default = "64M", min = "64k", max = "64G" },
}

-- Settings that are not of `struct stentor_limits`.
defaults.other_limits = { latest_keys = true, handlers = true, kept = true }

-- The fields of `struct stentor_limits` have their unit last.
local SIZES = { head = true, target = true, body = true, response = true,
  event = true, client_lag = true }

-- The checked table of `limits` by the struct's field names.
function defaults.limit_fields(limits)
  local fields = {}
  for name, value in pairs(limits) do
    if not defaults.other_limits[name] then
      if name == "address_requests" then
        fields.address_interval_ns = math.floor(value.interval * 1e9)
        fields.address_burst_ns = math.floor(value.burst * 1e9)
      elseif SIZES[name] then
        fields[name .. "_bytes"] = value
      elseif name:find("_time$") then
        fields[name .. "_ms"] = math.floor(value * 1000 + 0.5)
      else
        fields[name] = value
      end
    end
  end
  return fields
end

defaults.supervise = {
  brain_timeout = types.duration { default = "5s", min = "100ms", max = "1h" },
  drain = types.duration { default = "2s", max = "1m" },
  drain_window = types.duration { default = "10s", max = "1h" },
  control = types.custom("control", "a path of at most 100 bytes",
    function(value)
      return type(value) == "string" and value ~= "" and #value <= 100
        and not value:find("%z") and value or nil
    end) { optional = true },
}

-- The checked table of `supervise` by the struct's field names. A relative
-- path is one from the config's folder.
function defaults.supervise_fields(checked, folder)
  local control = checked.control or ""
  if control ~= "" and control:sub(1, 1) ~= "/" then
    control = folder .. control
  end
  return { brain_timeout_ms = math.floor(checked.brain_timeout * 1000 + 0.5),
    drain_ms = math.floor(checked.drain * 1000 + 0.5),
    drain_window_ms = math.floor(checked.drain_window * 1000 + 0.5),
    control = control }
end

local function default_of(fields, name)
  return fields[name]:check(fields[name].default, error, {})
end

function defaults.new()
  local limits, supervise = {}, {}
  for name in pairs(defaults.limits) do
    limits[name] = default_of(defaults.limits, name)
  end
  for _, name in ipairs { "brain_timeout", "drain", "drain_window" } do
    supervise[name] = default_of(defaults.supervise, name)
  end
  return { listeners = {}, networks = {}, workers = 0, journal_bytes = 64 * 2 ^ 20,
    log_level = "info", limits = defaults.limit_fields(limits),
    latest_keys = limits.latest_keys, handlers = limits.handlers,
    kept_bytes = limits.kept, given_limits = {},
    heartbeat = { every_ms = 15000, jitter_percent = 20, idle_only = false,
      with_id = false, frame = ":\n" },
    supervise = defaults.supervise_fields(supervise, "") }
end

return defaults
