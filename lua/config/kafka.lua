-- SPDX-License-Identifier: MIT
-- The word `kafka {…}`, and what stands in bus:topic("name", {…}).
local bus = require "stentor.bus"
local schema = require "stentor.config.schema"
local standin = require "stentor.config.standin"
local topic = require "stentor.topic"
local types = require "stentor.types"
local units = require "stentor.units"

local kafka = {}

local function is_address(text)
  return text:find("^[%w%.%-_]+$") or text:find("^[%w%.%-_]+:%d+$")
    or text:find("^%[[%x:]+%]:%d+$")
end

-- "a:9092,b:9092", or a list of such, as librdkafka wants them.
local function brokers_of(value)
  if value == "embedded" then return value end
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" or getmetatable(value) or #value == 0 then
    return nil
  end
  local list = {}
  for _, text in ipairs(value) do
    if type(text) ~= "string" then return nil end
    for address in (text .. ","):gmatch("%s*([^,]-)%s*,") do
      if not is_address(address) then return nil end
      list[#list + 1] = address
    end
  end
  return table.concat(list, ",")
end

-- A part of the names under which its cursors and places are kept.
local function name_of(value)
  if type(value) ~= "string" or #value > 32 or not value:find("^[%w%._%-]+$") then
    return nil
  end
  return value
end

local BUS = {
  name = types.custom("name", "at most 32 letters, digits, . _ and -", name_of)
    { default = "kafka" },
  brokers = types.custom("brokers", '"host:port" of one broker or several, '
    .. 'a list of them, or "embedded"', brokers_of) {},
  outbox = types.size { default = "64M", min = "1M", max = "16G" },
  settings = types.table { default = {} },
}

local GROUP_MAX = 200

local function group_of(value)
  if type(value) ~= "string" or value == "" or #value > GROUP_MAX
      or value:find("%c") then
    return nil
  end
  return value
end

-- "newest", "oldest", "-1h": { name } or { seconds }.
local function start_of(value)
  if value == "newest" or value == "oldest" then return { name = value } end
  local ago = type(value) == "string" and value:match("^%-(.+)$")
  local seconds = ago and units.duration(ago)
  return seconds and { seconds = seconds } or nil
end

local TOPIC = {
  decode = types.one_of { "json", "text", default = "json" },
  group = types.custom("group", "a group's name, at most 200 bytes", group_of)
    { optional = true },
  headers = types.boolean { default = true },
  start = types.custom("start", '"newest", "oldest", or how long ago, as in '
    .. '"-1h"', start_of) { optional = true },
  key = types.key { optional = true },
  partitions = types.integer { optional = true, min = 1, max = 1000 },
  full = types.one_of { "block", "drop", default = "block" },
}

local function plain_text(value)
  local kind = type(value)
  if kind == "string" and not value:find("%z") then return value end
  if kind == "number" then return ("%.14g"):format(value) end
  if kind == "boolean" then return tostring(value) end
  return nil
end

-- librdkafka's settings as "name\0value\0…" and their count; it checks each.
local function library_settings(call, given)
  local names, list = {}, {}
  for name in pairs(given) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = given[name]
    local text = plain_text(value)
    if text then
      local ok, why = call.server.core.kafka_check(name, text)
      if ok then
        list[#list + 1] = name .. "\0" .. text .. "\0"
      else
        call.tell({ "settings", name }, why)
      end
    elseif not standin.is(value) then
      -- A text is not shown: it may be a password.
      call.tell({ "settings", name }, type(value) == "string"
        and "the text holds a NUL" or "expected a text, a number, true or "
        .. "false, got " .. types.show(value))
    end
  end
  return table.concat(list), #list
end

-- `bus:topic(name, options)`, of which `call` is made.
local function declare_topic(on, call)
  local name, given = call.name, call.settings
  if type(name) ~= "string" or not name:find("^[%w%._%-]+$") or #name > 249
      or name == "." or name == ".." then
    call.tell({}, "a topic's name is at most 249 letters, digits, . _ and -")
    return standin.new()
  end
  local known = on.topics[name]
  if given == nil and known then return known end
  if given ~= nil and (type(given) ~= "table" or getmetatable(given)) then
    if not standin.is(given) then
      call.tell({}, "expected a table of settings, got " .. types.show(given))
    end
    return standin.new()
  end
  if known and known.line then
    call.tell({}, ("has its settings already, on line %d of %s"):format(
      known.line, known.path))
    return known
  end
  local checked = schema.check(TOPIC, given or {}, call.tell)
  for field, value in pairs(checked) do
    if standin.is(value) then checked[field] = nil end
  end
  if known then
    known:set_options(checked)
  else
    known = topic.new(on, name, checked)
    on.topics[name] = known
    on.topic_list[#on.topic_list + 1] = known
  end
  if given then known.path, known.line = call.path, call.line end
  return known
end

-- `new_call(server, word, name, settings)`: of config/words.lua.
function kafka.declare(call, new_call)
  local server = call.server
  local given = call.settings
  if standin.is(given) then return given end
  if type(given) ~= "table" or getmetatable(given) then
    call.tell({}, 'expected its table, as in kafka { brokers = "host:9092" }')
    return standin.new()
  end
  local most = server.core.buses_max
  if #server.buses >= most then
    call.tell({}, ("at most %d clusters"):format(most))
    return standin.new()
  end
  local checked = schema.check(BUS, given, call.tell)
  if type(checked.settings) == "table" and not standin.is(checked.settings) then
    checked.settings, checked.setting_count = library_settings(call,
      checked.settings)
  end
  for _, other in ipairs(server.buses) do
    if other.name == checked.name then
      call.tell({}, ('the one on line %d of %s is named "%s" as well; give the '
        .. 'newer one a name of its own, as in kafka { name = "archive", '
        .. 'brokers = … } (what is known of a cluster is kept under its name)'
        ):format(other.line, other.path, other.name))
    end
  end
  if checked.brokers == "embedded" then
    server.settings.embedded_kafka = true
  end
  local made = bus.new(server, checked, function(self, name, options)
    server:only_loading("topic")
    return declare_topic(self, new_call(server, "topic", name, options))
  end)
  made.path, made.line = call.path, call.line
  server.buses[#server.buses + 1] = made
  server:on_status(made.name == "kafka" and "kafka"
    or "kafka " .. tostring(made.name),
    function() return made:summary() end)
  return made
end

return kafka
