-- SPDX-License-Identifier: MIT
-- Turns what a handler returned, or threw, into an answer of the core's:
-- `status, body, headers`, `later "30s"`, or what to stream.
local channel = require "stentor.channel"
local client = require "stentor.client"
local coroutines = require "stentor.coroutines"
local family = require "stentor.family"
local gate = require "stentor.gate"
local json = require "stentor.json"
local policy = require "stentor.policy"
local refusal = require "stentor.refusal"
local since = require "stentor.since"
local suggest = require "stentor.config.suggest"
local units = require "stentor.units"

local answer = {}

local JSON_TYPE = "Content-Type\0application/json\0"
local TEXT_TYPE = "Content-Type\0text/plain; charset=utf-8\0"
local STREAM_OPTIONS = { since = true, retry = true }

-- A client that has gone in the meantime is no mistake.
local function checked(server, title, ok, message, name)
  if ok or name == "EGONE" then return true end
  server:failed(title, "cannot answer: " .. tostring(message))
  return false
end

local function add_header(list, name, value)
  local kind = type(value)
  if kind == "number" then value = ("%.14g"):format(value) end
  if type(name) ~= "string" or type(value) ~= "string"
      or (name .. value):find("%z") then
    error(("header %s: expected a text, got a %s"):format(
      tostring(name), kind), 0)
  end
  list[#list + 1] = name .. "\0" .. value .. "\0"
end

-- { ["X-Y"] = "v" or a list } to "name\0value\0…", their count, and whether
-- the content's type is among them.
local function header_pairs(headers)
  if type(headers) ~= "table" then
    error(("the headers must be a table, got a %s"):format(type(headers)), 0)
  end
  local list, typed = {}, false
  for name, value in pairs(headers) do
    if type(value) == "table" then
      for _, one in ipairs(value) do add_header(list, name, one) end
    else
      add_header(list, name, value)
    end
    typed = typed or tostring(name):lower() == "content-type"
  end
  return table.concat(list), #list, typed
end

local function body_text(body)
  if body == nil then return "", nil end
  if type(body) == "string" then return body, TEXT_TYPE end
  return json.encode(body), JSON_TYPE
end

local function compose(status, body, headers)
  if status < 200 or status > 599 or status ~= math.floor(status) then
    error(("the status must be between 200 and 599, got %s"):format(status), 0)
  end
  local text, kind = body_text(body)
  local pairs_text, count, typed = "", 0, false
  if headers ~= nil then pairs_text, count, typed = header_pairs(headers) end
  if kind and not typed then
    pairs_text, count = kind .. pairs_text, count + 1
  end
  return pairs_text, count, text
end

-- A response with a line of text, or of our own making.
function answer.text(server, ticket, status, text, headers, count)
  if text ~= "" then
    headers, count = TEXT_TYPE .. (headers or ""), (count or 0) + 1
  end
  return checked(server, "answer", server.core.respond(ticket, status,
    headers or "", count or 0, text))
end

-- What the client of a broken handler gets.
local function broken(server, ticket)
  answer.text(server, ticket, 500, "internal error\n")
end

function answer.mistake(server, ticket, title, text)
  server:failed(title, text)
  broken(server, ticket)
end

-- `reply`: what gates add to the headers.
local function respond(server, ticket, title, reply, status, body, headers)
  local ok, pairs_text, count, text = pcall(compose, status, body, headers)
  if not ok then return answer.mistake(server, ticket, title, pairs_text) end
  if reply then
    local more, more_count
    ok, more, more_count = pcall(header_pairs, reply)
    if not ok then return answer.mistake(server, ticket, title, more) end
    pairs_text, count = pairs_text .. more, count + more_count
  end
  if not checked(server, title, server.core.respond(ticket, status, pairs_text,
      count, text)) then
    broken(server, ticket)
  end
end

local function refuse(server, request, title, problem)
  local ticket = request._ticket
  if problem.delay then
    checked(server, title, server.core.later(ticket, problem.delay * 1000))
    return
  end
  local body = problem.body
  if type(body) == "string" and not problem.headers then
    body = body:gsub("\n?$", "\n", 1)
  end
  respond(server, ticket, title, request.reply_headers, problem.status, body,
    problem.headers)
end

-- A thrown value: a refusal, or an error with its traceback.
local function thrown(server, request, title, problem)
  if refusal.is(problem) then return refuse(server, request, title, problem) end
  answer.mistake(server, request._ticket, title, tostring(problem))
end

local function smaller(a, b) return a.bytes < b.bytes end

-- The content of `latest` channels for newcomers. Each channel has no more than
-- limits.response of it, but all together may: then those that have much share
-- what those with little leave.
local function preface_of(server, target)
  local room, list, bytes = server.settings.limits.response_bytes, {}, 0
  for _, one in ipairs(target.channels) do
    if one.latest then
      list[#list + 1], bytes = one.latest, bytes + one.latest.bytes
    end
  end
  local fits, frames = bytes <= room, {}
  if not fits then table.sort(list, smaller) end
  for i, one in ipairs(list) do
    local share = fits and room or math.floor(room / (#list + 1 - i))
    frames[i] = one:preface(share)
    room = room - #frames[i]
  end
  return table.concat(frames)
end

-- The headers that gates add to a stream's; `request` may be nil.
local function reply_pairs(request)
  if not request or not request.reply_headers then return "", 0 end
  local text, count = header_pairs(request.reply_headers)
  return text, count
end

-- The stream of `target` (answer.target) begins. This is the hot path of a
-- plain route: nothing is built here. `request` is nil there.
function answer.stream(server, ticket, route, target, from, retry_ms, kept,
                       request)
  local headers, count = reply_pairs(request)
  local ok, message, name = server.core.stream(ticket, target.core, from.kind,
    from.value, retry_ms, target.tell,
    target.latest and preface_of(server, target) or "", headers, count, kept)
  if ok then
    if target.tell then
      client.remember(server, ticket, route, request and request.user)
    end
  elseif not checked(server, route.title, nil, message, name) then
    broken(server, ticket)
  end
end

-- What a stream of `list`, channels without doubles, is answered with.
function answer.target(server, list)
  local numbers, channels, seen = {}, {}, {}
  local target = { channels = channels, tell = false, latest = false }
  for _, listed in ipairs(list) do
    local one = listed:in_use()
    if not seen[one] then
      seen[one] = true
      channels[#channels + 1], numbers[#numbers + 1] = one, one.number
      target.tell = target.tell or one.target.tell
      target.latest = target.latest or one.latest ~= nil
      target.unkeyed = target.unkeyed or one.target.unkeyed
    end
  end
  target.core = server.core.target(numbers)
  return target
end

-- The target for what a stream function returned; or nil, what is wrong.
local function target_of(server, value)
  if channel.is(value) then return value:in_use().target end
  if family.is(value) then
    return nil, "a family cannot be streamed whole: name the member, "
      .. "as in rooms(id)"
  end
  if type(value) ~= "table" or #value == 0 then
    return nil, ("expected a channel, a list of channels or a status, got %s")
      :format(type(value) == "table" and "a table without channels"
        or "a " .. type(value))
  end
  for i, one in ipairs(value) do
    if not channel.is(one) then
      return nil, ("entry %d of the list is no channel"):format(i)
    end
  end
  local most = server.settings.limits.stream_channels
  if #value > most then
    return nil, ("%d channels, limits.stream_channels is %d"):format(
      #value, most)
  end
  return answer.target(server, value)
end

-- Where a stream begins and its retry: the route's, unless the function's
-- settings or the query say otherwise.
local function stream_options(route, options)
  local from, retry_ms = route.since, route.retry_ms
  if options == nil then return from, retry_ms end
  if type(options) ~= "table" then error("the settings must be a table", 0) end
  for name in pairs(options) do
    if not STREAM_OPTIONS[name] then
      error("unknown setting " .. suggest.unknown(name, STREAM_OPTIONS), 0)
    end
  end
  if options.since ~= nil then
    from = since.parse(options.since)
    if not from then error("since: expected " .. since.expects, 0) end
  end
  if options.retry ~= nil then
    local seconds = units.duration(options.retry)
    if not seconds or seconds > channel.RETRY_MAX then
      error('retry: expected a duration such as "5s", at most a day', 0)
    end
    retry_ms = seconds * 1000
  end
  return from, retry_ms
end

local function stream(server, request, route, value, options)
  local ticket = request._ticket
  local target, why = target_of(server, value)
  if target and route.lagging == "conflate" and target.unkeyed then
    target, why = nil, ('lagging = "conflate", but channel "%s" has no `key`')
      :format(target.unkeyed)
  end
  if not target then return answer.mistake(server, ticket, route.title, why) end
  local ok, from, retry_ms = pcall(stream_options, route, options)
  if not ok then return answer.mistake(server, ticket, route.title, from) end
  local asked = request.query.since
  if asked then
    from = since.parse(tonumber(asked) or asked)
    if not from then
      return refuse(server, request, route.title,
        refusal.new(400, "since: expected " .. since.expects))
    end
  end
  if request.method == "HEAD" then
    return answer.head(server, ticket, target, request)
  end
  answer.stream(server, ticket, route, target, from, retry_ms,
    policy.of(server, route, request), request)
end

-- The answer to HEAD where GET streams: the worker sends the head alone.
function answer.head(server, ticket, target, request)
  if not checked(server, "answer", server.core.stream(ticket, target.core,
      server.core.since.now, 0, 0, false, "", reply_pairs(request))) then
    broken(server, ticket)
  end
end

local function finish(server, route, request, ok, first, second, third)
  local ticket = request._ticket
  if not ok then return thrown(server, request, route.title, first) end
  if type(first) == "number" then
    return respond(server, ticket, route.title, request.reply_headers, first,
      second, third)
  end
  if refusal.is(first) then
    return refuse(server, request, route.title, first)
  end
  if first == nil then
    return answer.mistake(server, ticket, route.title, "nothing was returned: "
      .. (route.stream and "return a channel, " or "return ")
      .. "a status, or later \"30s\"")
  end
  if route.stream then
    return stream(server, request, route, first, second)
  end
  answer.mistake(server, ticket, route.title, ("a %s was returned: "
    .. "the status comes first, as in return 200, …"):format(type(first)))
end

local function finish_guarded(server, route, request, ...)
  local ok, problem = pcall(finish, server, route, request, ...)
  if not ok then thrown(server, request, route.title, problem) end
end

-- Whether all gates let the request pass; answers it if one does not.
local function pass(server, route, request, gates)
  for _, one in ipairs(gates or {}) do
    local ok, first, body, headers = coroutines.call(one, request)
    local passes, why = false, nil
    if ok then passes, why = gate.verdict(first) end
    if passes == nil then
      answer.mistake(server, request._ticket, route.title, why)
    elseif not passes then
      finish_guarded(server, route, request, ok, first, body, headers)
    end
    if not passes then return false end
  end
  return true
end

local function run(server, route, request)
  if not pass(server, route, request, server.gates)
      or not pass(server, route, request, route.gates) then
    return
  end
  if route.decide then
    finish_guarded(server, route, request,
      coroutines.call(route.decide, request))
  else
    finish_guarded(server, route, request, true, route.channels)
  end
end

-- The job of a coroutine: runs the gates and the route's function.
function answer.run(server, route, request)
  local co = coroutine.running()
  server.requests[co] = true
  run(server, route, request)
  server.requests[co] = nil
end

return answer
