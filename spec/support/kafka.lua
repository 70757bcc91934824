-- SPDX-License-Identifier: MIT
--- Kafka for specs: a real broker (spec/support/kafka/broker.sh) that all spec
-- files of a run share, brokers of a spec's own to be killed, and kcat.
--
--     local broker = kafka.shared()
--     it("…", broker and function() … end)   -- nil: pending
local cjson = require "cjson"
local uv = require "luv"
local process = require "spec.support.process"

local kafka = { admin = require "spec.support.kafka.admin" }
-- Seconds within which a broker that is gone or back has been noticed: two are
-- promised, a busy machine takes longer, librdkafka by itself up to a minute.
kafka.SOON = 20
local script = "spec/support/kafka/broker.sh"

local broker = {}
local metatable = { __index = broker }
local own = {} -- name → broker, to be removed at the end

local function call(command, name)
  local done = process.run(script, { command, name }, { seconds = 120 })
  if done.code ~= 0 then return nil, (done.err:gsub("%s+$", "")) end
  return done.out:match "([^\n]*)\n*$"
end

local shared, why_none

--- The broker of the whole run, that of $STENTOR_TEST_KAFKA if it is set; or
-- nil and why there is none. It must not be harmed.
function kafka.shared()
  if shared or why_none then return shared, why_none end
  local address, why = os.getenv "STENTOR_TEST_KAFKA", nil
  if not address or address == "" then address, why = call("start", "broker") end
  if address then
    shared = setmetatable({ address = address }, metatable)
  else
    why_none = "no Kafka broker: " .. why
  end
  return shared, why_none
end

--- A broker of the spec's own, fresh and running; nil and why if there is none
-- to be had. It goes with kafka.remove_all().
function kafka.own(name)
  call("clean", name)
  local self = setmetatable({ name = name }, metatable)
  own[name] = self
  local ok, why = self:start()
  if not ok then return nil, why end
  return self
end

--- Starts it (again), at the address that it had; true once it answers.
function broker:start()
  local address, why = call("start", self.name)
  if not address then return nil, why end
  local file = assert(io.open(("build/kafka/%s/pid"):format(self.name)))
  self.address, self.pid = address, file:read "*n"
  file:close()
  return true
end

--- "sigkill", "sigstop", "sigcont" … Only for one of the spec's own.
function broker:signal(signal)
  assert(uv.kill(self.pid, signal))
end

function broker:stop()
  assert(call("stop", self.name))
end

--- For a teardown: ends all of the spec's own and deletes what they kept.
function kafka.remove_all()
  for name in pairs(own) do call("clean", name) end
  own = {}
end

local serial = 0

--- A name that no other topic has.
function kafka.topic_name()
  serial = serial + 1
  return ("spec-%d-%d-%d"):format(uv.os_getpid(), uv.hrtime() / 1000, serial)
end

--- Makes a topic; returns its name.
function broker:topic(partitions, config)
  local name = kafka.topic_name()
  kafka.admin.create(self.address, name, partitions, config)
  return name
end

--- Writes records into a topic, in order: texts, or { key, text }. Options:
-- `partition`, `headers` (a list of "name=value", of all of them).
function kafka.produce(address, topic, records, options)
  options = options or {}
  local arguments = { "-P", "-b", address, "-t", topic, "-K", "\1", "-D", "\n", "-Z",
    "-X", "queue.buffering.max.ms=5", "-X", "enable.idempotence=true" }
  local function add(...) for _, one in ipairs { ... } do arguments[#arguments + 1] = one end end
  if options.partition then add("-p", tostring(options.partition)) end
  for _, header in ipairs(options.headers or {}) do add("-H", header) end
  local lines = {}
  for i, record in ipairs(records) do
    if type(record) ~= "table" then record = { "", record } end
    lines[i] = record[1] .. "\1" .. record[2] .. "\n"
  end
  local done = process.run("kcat", arguments, { input = table.concat(lines) })
  if done.code ~= 0 then error("kcat -P: " .. done.err, 2) end
end

--- All that is in a topic now, partition by partition in order: a list of
-- { partition, offset, key, text, time, headers (name → value) }.
function kafka.read(address, topic)
  local done = process.run("kcat", { "-C", "-b", address, "-t", topic, "-o", "beginning", "-e",
    "-q", "-J", "-X", "fetch.wait.max.ms=10" })
  if done.code ~= 0 then error("kcat -C: " .. done.err, 2) end
  local records = {}
  for line in done.out:gmatch "[^\n]+" do
    local one = cjson.decode(line)
    local headers = {}
    for i = 1, #(one.headers or {}), 2 do headers[one.headers[i]] = one.headers[i + 1] end
    records[#records + 1] = { partition = one.partition, offset = one.offset, time = one.ts,
      key = one.key ~= cjson.null and one.key or nil,
      text = one.payload ~= cjson.null and one.payload or nil, headers = headers }
  end
  table.sort(records, function(a, b)
    if a.partition ~= b.partition then return a.partition < b.partition end
    return a.offset < b.offset
  end)
  return records
end

--- How many partitions a topic has.
function kafka.partition_count(address, topic)
  local done = process.run("kcat", { "-L", "-J", "-b", address, "-t", topic })
  return #cjson.decode(done.out).topics[1].partitions
end

return kafka
