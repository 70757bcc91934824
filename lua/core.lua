-- SPDX-License-Identifier: MIT
-- The binding of the C side: the only file that uses `ffi`. core/brain/ffi.h
-- is its contract and its cdef. core.new(brain) wraps each function: arguments
-- are checked, codes become `nil, message, name`, bytes become Lua strings.
local ffi = require "ffi"
local add_kafka = require "stentor.core.kafka"
local add_role = require "stentor.core.role"
local add_sources = require "stentor.core.sources"

local core = {}

local function declare()
  for _, name in ipairs { "ffi", "ffi_role", "ffi_lasting", "ffi_kafka",
    "ffi_source" } do
    local path = ("core/brain/%s.h"):format(name)
    local header = assert(require("stentor.embedded")(path))
    ffi.cdef((header:gsub("%f[^\n%z]#[^\n]*", "")))
  end
  local C = ffi.C
  if C.stentor_abi() ~= C.STENTOR_ABI then
    error(("core.lua was made for ABI %d, the program has %d"):format(
      C.STENTOR_ABI, C.stentor_abi()), 0)
  end
  return C
end

local C = declare()

local ID_BYTES = C.STENTOR_ID_BYTES
local UNLIMITED_COUNT = 0xffffffff
local UNLIMITED_MS = 0xffffffffffffffffULL
local MS_MAX = 2 ^ 53

core.kinds = {
  request = C.STENTOR_REQUEST, opened = C.STENTOR_OPENED,
  closed = C.STENTOR_CLOSED, lost = C.STENTOR_LOST, moved = C.STENTOR_MOVED,
  timer = C.STENTOR_TIMER, go = C.STENTOR_GO,
  release = C.STENTOR_RELEASE, resume = C.STENTOR_RESUME,
  status = C.STENTOR_STATUS, stop = C.STENTOR_STOP,
  delivered = C.STENTOR_DELIVERED, appended = C.STENTOR_APPENDED,
  source = C.STENTOR_SOURCE,
}
core.since = {
  now = C.STENTOR_SINCE_NOW, count = C.STENTOR_SINCE_COUNT,
  time = C.STENTOR_SINCE_TIME, all = C.STENTOR_SINCE_ALL,
}
core.levels = {
  debug = C.STENTOR_LOG_DEBUG, info = C.STENTOR_LOG_INFO,
  warn = C.STENTOR_LOG_WARN, error = C.STENTOR_LOG_ERROR,
}
core.lagging = {
  disconnect = C.STENTOR_DISCONNECT, skip = C.STENTOR_SKIP,
  conflate = C.STENTOR_CONFLATE,
}
core.workers_max = C.STENTOR_WORKERS_MAX
core.listeners_max = C.STENTOR_LISTENERS_MAX
core.networks_max = C.STENTOR_NETWORKS_MAX
core.host_bytes = C.STENTOR_HOST_BYTES
core.heartbeat_bytes = C.STENTOR_HEARTBEAT_BYTES
core.control_bytes = C.STENTOR_CONTROL_BYTES
core.buses_max = C.STENTOR_BUSES_MAX
core.status_bytes = C.STENTOR_STATUS_BYTES

local function failure(code)
  return nil, ffi.string(C.stentor_error_text(code)),
    ffi.string(C.stentor_error_name(code))
end

local function check(condition, what)
  if not condition then error("core: " .. what, 3) end
end

-- The text of a `struct stentor_text` or the bytes of `stentor_pairs`.
function core.text(text)
  if text.size == 0 then return "" end
  return ffi.string(text.bytes, text.size)
end

-- A client's number as a text that stays exact beyond 2^53.
function core.ticket_text(ticket)
  return (tostring(ticket):gsub("ULL$", ""))
end

-- Which worker a ticket is of: its upper 16 bits.
function core.ticket_worker(ticket)
  return tonumber(ticket / 0x1000000000000ULL)
end

-- The channel numbers of an OPENED or CLOSED item, as a list.
function core.item_channels(item)
  local numbers = {}
  for i = 0, item.channel_count - 1 do
    numbers[i + 1] = tonumber(item.channels[i])
  end
  return numbers
end

function core.now() return C.stentor_now_ms() end

function core.monotonic() return C.stentor_monotonic_ms() end

-- How long loading may take from now on.
function core.loading_time(ms) C.stentor_loading_time(ms) end

function core.log(level, text)
  C.stentor_log(level, text, #text)
end

-- "10.0.0.0/8" or an address as the plan's networks have it; nil if the text
-- is neither.
function core.network(text)
  local network = ffi.new("struct stentor_network")
  if C.stentor_network(text, #text, network) ~= 0 then return nil end
  return network
end

-- What streams are answered with: made once for a list of channel numbers.
function core.target(numbers)
  local count = #numbers
  check(count > 0, "a stream needs a channel")
  return { array = ffi.new("uint32_t[?]", count, numbers), count = count }
end

local function set_text(text, value)
  text.bytes, text.size = value, #value
end

local function fill_heartbeat(out, heartbeat)
  check(#heartbeat.frame < core.heartbeat_bytes, "the heartbeat is too long")
  out.every_ms = heartbeat.every_ms
  out.jitter_percent = heartbeat.jitter_percent
  out.idle_only = heartbeat.idle_only and 1 or 0
  out.with_id = heartbeat.with_id and 1 or 0
  out.size = #heartbeat.frame
  ffi.copy(out.frame, heartbeat.frame)
end

local function plan_new(plan)
  local out = ffi.new("struct stentor_plan")
  out.abi, out.workers = C.STENTOR_ABI, plan.workers
  out.journal_bytes, out.kept_bytes = plan.journal_bytes, plan.kept_bytes
  out.log_level = plan.log_level
  out.listener_count = #plan.listeners
  for i, listener in ipairs(plan.listeners) do
    check(#listener.host < core.host_bytes, "a listener's host is too long")
    ffi.copy(out.listeners[i - 1].host, listener.host)
    out.listeners[i - 1].port = listener.port
  end
  out.network_count = #plan.networks
  for i, entry in ipairs(plan.networks) do
    out.networks[i - 1] = entry.network
    out.networks[i - 1].listeners = entry.listeners
  end
  for name, value in pairs(plan.limits) do out.limits[name] = value end
  fill_heartbeat(out.heartbeat, plan.heartbeat)
  out.embedded_kafka = plan.embedded_kafka and 1 or 0
  out.connections_asked = plan.connections_asked and 1 or 0
  for name, value in pairs(plan.supervise) do out.supervise[name] = value end
  return out
end

-- How streams are kept: { lagging = "skip", client_lag_bytes,
-- client_lag_time_ms, heartbeat }.
function core.policy(policy)
  local out = ffi.new("struct stentor_policy")
  out.lagging = core.lagging[policy.lagging]
  out.client_lag_bytes = policy.client_lag_bytes
  out.client_lag_time_ms = policy.client_lag_time_ms
  fill_heartbeat(out.heartbeat, policy.heartbeat)
  return out
end

-- The functions that concern answers; the structs are reused by each call.
local function add_answers(self, brain)
  local response = ffi.new("struct stentor_response")
  local stream = ffi.new("struct stentor_stream")

  -- `headers`: "name\0value\0…" of `header_count` pairs.
  function self.respond(ticket, status, headers, header_count, body)
    check(type(headers) == "string" and type(body) == "string",
      "headers and body must be texts")
    response.status = status
    response.headers.bytes, response.headers.size = headers, #headers
    response.headers.count = header_count
    set_text(response.body, body)
    local code = C.stentor_respond(brain, ticket, response)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- `target`: of core.target(), `policy`: of core.policy() or nil; the rest as
  -- in `struct stentor_stream`.
  function self.stream(ticket, target, since, value, retry_ms, tell, preface,
                       headers, header_count, policy)
    stream.channels, stream.channel_count = target.array, target.count
    stream.flags = tell and C.STENTOR_TELL or 0
    stream.since, stream.since_value = since, value
    stream.retry_ms = retry_ms
    set_text(stream.preface, preface)
    stream.headers.bytes, stream.headers.size = headers, #headers
    stream.headers.count = header_count
    stream.policy = policy
    local code = C.stentor_stream(brain, ticket, stream)
    if code ~= 0 then return failure(code) end
    return true
  end

  function self.later(ticket, delay_ms)
    local code = C.stentor_later(brain, ticket, delay_ms)
    if code ~= 0 then return failure(code) end
    return true
  end
end

local function add_events(self, brain)
  local event = ffi.new("struct stentor_event")
  local ids = ffi.new("char[?]", ID_BYTES)
  local settings = ffi.new("struct stentor_channel")

  -- The id of the event; or nil, message, name.
  function self.publish(number, data, name, key, retry_ms)
    check(type(data) == "string", "data must be a text")
    event.channel, event.retry_ms = number, retry_ms
    set_text(event.data, data)
    set_text(event.event, name)
    set_text(event.key, key)
    local code = C.stentor_publish(brain, event, 1, ids)
    if code ~= 0 then return failure(code) end
    return ffi.string(ids)
  end

  -- The newest events of a channel, newest first: { time, frame, key, id }.
  function self.recent(number, count)
    if count < 1 then return {} end
    local records = ffi.new("struct stentor_record[?]", count)
    local found = C.stentor_recent(brain, number, count, records)
    if found < 0 then return failure(found) end
    local list = {}
    for i = 0, found - 1 do
      local record = records[i]
      list[i + 1] = { time = tonumber(record.time_ms),
        frame = core.text(record.frame), key = core.text(record.key),
        id = ffi.string(record.id) }
    end
    return list
  end

  -- The frame of the newest event alone, or nil.
  local newest = ffi.new("struct stentor_record[1]")
  function self.newest_frame(number)
    if C.stentor_recent(brain, number, 1, newest) < 1 then return nil end
    return core.text(newest[0].frame)
  end

  -- nil stands for no limit.
  function self.channel(name, replay_count, replay_ms)
    check(type(name) == "string", "the name must be a text")
    settings.replay_count = replay_count or UNLIMITED_COUNT
    if replay_ms and replay_ms < MS_MAX then
      settings.replay_ms = replay_ms
    else
      settings.replay_ms = UNLIMITED_MS
    end
    local number = C.stentor_channel(brain, name, #name, settings)
    if number < 0 then return failure(number) end
    return number
  end
end

-- Binds the functions to `brain` (a light userdata), or to no brain: enough
-- for a check.
function core.new(brain_pointer)
  local self = setmetatable({}, { __index = core })
  local brain = ffi.cast("struct stentor_brain *", brain_pointer)
  add_answers(self, brain)
  add_events(self, brain)
  require("stentor.core.keep")(self, ffi, brain, failure)
  require("stentor.core.follow")(self, ffi, brain, failure)
  local tools = { ffi = ffi, C = C, failure = failure, check = check }
  add_role(self, brain, tools)
  add_kafka(self, brain, tools)
  add_sources(self, brain, tools)

  -- A borrowed item, valid until the next call; nil when there is none.
  function self.next()
    local item = C.stentor_next(brain)
    if item == nil then return nil end
    return item
  end

  -- Gives a channel's number back once all its records are overwritten.
  function self.close(number)
    local code = C.stentor_channel_close(brain, number)
    if code ~= 0 then return failure(code) end
    return true
  end

  -- The name of a channel, "" if none has the number, nil past the last.
  function self.channel_name(number)
    local name = C.stentor_channel_name(brain, number)
    if name == nil then return nil end
    return ffi.string(name)
  end

  -- What C counts, over all workers: name → number.
  function self.counters()
    local counters, index = {}, 0
    while true do
      local name = C.stentor_counter_name(index)
      if name == nil then return counters end
      counters[ffi.string(name)] = C.stentor_counter(brain, index)
      index = index + 1
    end
  end

  function self.clients(number) return C.stentor_clients(brain, number) end

  function self.load() return C.stentor_load(brain) end

  -- nil withdraws it.
  function self.timer(delay_ms) C.stentor_timer(brain, delay_ms or -1) end

  function self.plan(plan)
    local code = C.stentor_plan(brain, plan_new(plan))
    if code ~= 0 then return failure(code) end
    return true
  end
  return self
end

return core
