-- SPDX-License-Identifier: MIT
-- The words that set things, each once: listen, workers, limits, journal,
-- heartbeat, log, supervise.
local address = require "stentor.config.address"
local defaults = require "stentor.config.defaults"
local heartbeat = require "stentor.config.heartbeat"
local schema = require "stentor.config.schema"
local standin = require "stentor.config.standin"
local types = require "stentor.types"

local settings = {}

local JOURNAL = {
  size = types.size { default = "64M", min = "1M", max = "64G" },
}
local LOG = { level = types.one_of { "debug", "info", "warn", "error",
  default = "info" } }
local SUPERVISE = defaults.supervise
local LISTEN = types.list { of = types.string {} }

-- Whether `call.settings` is a table; says so if not.
local function has_table(call, example)
  local given = call.settings
  if standin.is(given) then return false end
  if type(given) == "table" and not getmetatable(given) then return true end
  call.tell({}, ("expected its table, as in %s"):format(example))
  return false
end

-- Whether this is the word's first call.
local function first_time(call)
  local server, word = call.server, call.word
  server.once = server.once or {}
  if server.once[word] then
    call.tell({}, ("is given twice, first on line %d of %s"):format(
      server.once[word].line or 0, server.once[word].path))
    return false
  end
  server.once[word] = call
  return true
end

-- The proxies of `trust_proxy`, as the core has networks.
local function networks_of(call, named)
  local core = call.server.core
  local network = types.custom("network",
    'an address or a network such as "10.0.0.0/8"', function(value)
      return type(value) == "string" and core.network(value) and value or nil
    end) {}
  local checked = schema.check({
    trust_proxy = types.list { of = network, optional = true },
  }, named, call.tell)
  local list = checked.trust_proxy
  return list and not standin.is(list) and list or {}
end

-- The network is trusted by the listener `number`, and perhaps by others.
local function trust(call, text, number)
  local server = call.server
  local list = server.settings.networks
  local found
  for _, entry in ipairs(list) do
    if entry.text == text then found = entry end
  end
  if not found then
    if #list >= server.core.networks_max then
      return call.tell({ "trust_proxy" }, ("at most %d networks"):format(
        server.core.networks_max))
    end
    found = { text = text, network = server.core.network(text), listeners = 0 }
    list[#list + 1] = found
  end
  found.listeners = bit.bor(found.listeners, bit.lshift(1, number - 1))
end

function settings.listen(call)
  local given = call.settings
  if standin.is(given) then return end
  if type(given) == "string" then given = { given } end
  if type(given) ~= "table" then
    return call.tell({}, 'expected an address such as "127.0.0.1:3000"')
  end
  local addresses, rest = {}, {}
  for name, value in pairs(given) do
    if type(name) == "string" then
      rest[name] = value
    else
      addresses[name] = value
    end
  end
  local trusted = networks_of(call, rest)
  local list = call.server.settings.listeners
  for _, text in ipairs(LISTEN:check(addresses, call.tell, {}) or {}) do
    local listener, why = address.parse(text)
    if not listener then
      call.tell({}, why)
    else
      for _, other in ipairs(list) do
        if other.host == listener.host and other.port == listener.port then
          return call.tell({}, ('"%s" is given twice'):format(text))
        end
      end
      list[#list + 1] = listener
      for _, network in ipairs(trusted) do
        trust(call, network, #list)
      end
    end
  end
  local most = call.server.core.listeners_max
  if #list > most then
    call.tell({}, ("at most %d addresses"):format(most))
  end
end

function settings.workers(call)
  if not first_time(call) or standin.is(call.settings) then return end
  local count, most = call.settings, call.server.core.workers_max
  if type(count) ~= "number" or count ~= math.floor(count) or count < 1
      or count > most then
    return call.tell({}, ("expected how many, from 1 to %d, got %s"):format(
      most, types.show(count)))
  end
  call.server.settings.workers = count
end

function settings.limits(call)
  if not first_time(call)
      or not has_table(call, 'limits { connections = "250k" }') then
    return
  end
  local checked, sound = schema.check(defaults.limits, call.settings, call.tell)
  local target = call.server.settings
  if not sound then return end
  target.limits = defaults.limit_fields(checked)
  target.given_limits = call.settings
  target.latest_keys = checked.latest_keys
  target.handlers = checked.handlers
  target.kept_bytes = checked.kept
end

function settings.journal(call)
  if first_time(call) and has_table(call, 'journal { size = "64M" }') then
    local checked = schema.check(JOURNAL, call.settings, call.tell)
    call.server.settings.journal_bytes = checked.size
  end
end

function settings.log(call)
  if first_time(call) and has_table(call, 'log { level = "info" }') then
    local checked = schema.check(LOG, call.settings, call.tell)
    call.server.settings.log_level = checked.level
  end
end

function settings.supervise(call)
  if not first_time(call)
      or not has_table(call, 'supervise { brain_timeout = "5s" }') then
    return
  end
  local checked, sound = schema.check(SUPERVISE, call.settings, call.tell)
  if not sound then return end
  local server = call.server
  server.settings.supervise = defaults.supervise_fields(checked, server.folder)
  -- What follows of the config may already take so long.
  server.core.loading_time(server.settings.supervise.brain_timeout_ms)
end

function settings.heartbeat(call)
  if not first_time(call) or standin.is(call.settings) then return end
  local given, target = call.settings, call.server.settings
  if given == nil then
    return call.tell({}, 'expected a table, as in heartbeat { every = "15s" }, '
      .. "or a function of the request that returns one")
  end
  if type(given) == "function" then
    target.heartbeat_of = given
  else
    target.heartbeat = heartbeat.check(given, call.tell, {}) or target.heartbeat
  end
end

return settings
