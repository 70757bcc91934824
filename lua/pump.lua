-- SPDX-License-Identifier: MIT
-- Drains what the core has queued, once per turn of the loop. A route with a
-- plain channel is answered without a request object and without a coroutine.
local answer = require "stentor.answer"
local request = require "stentor.request"

local pump = {}

local STATUS_TEXTS = { [204] = "", [400] = "bad request\n",
  [404] = "not found\n", [405] = "method not allowed\n" }

local function on_missing(server, ticket, status, allow)
  if allow then
    answer.text(server, ticket, status, STATUS_TEXTS[status],
      "Allow\0" .. allow .. "\0", 1)
  else
    answer.text(server, ticket, status, STATUS_TEXTS[status])
  end
end

-- Apart, because a function that holds a closure is not compiled.
local function options_route(allow)
  return { title = "OPTIONS", decide = function()
    return 204, nil, { Allow = allow }
  end }
end

local function on_request(server, item)
  local core = server.core
  local method, path = core.text(item.method), core.text(item.path)
  local route, params, allow = server.router:find(method, path)
  if not route then
    if params ~= 204 or #server.gates == 0 then
      return on_missing(server, item.ticket, params, allow)
    end
    -- A gate may have to say more, as to a browser that asks beforehand.
    route, params = options_route(allow), nil
  end
  local target = route.plain
  if target and item.query.size == 0 then
    if method == "HEAD" then return answer.head(server, item.ticket, target) end
    return answer.stream(server, item.ticket, route, target, route.since,
      route.retry_ms, route.policy)
  end
  local most = route.limits and route.limits.body
  if most and item.body.size > most then
    server.counters.body_too_long = server.counters.body_too_long + 1
    return answer.text(server, item.ticket, 413, "the body is too long\n")
  end
  if not server.pool:free() then
    server.counters.handlers_full = server.counters.handlers_full + 1
    core.later(item.ticket, 1000)
    return
  end
  local asked = request.new(server, item, method, path, params)
  server.pool:start(answer.run, server, route, asked)
end

-- Handles all that is queued; returns how many items that were.
function pump.run(server)
  local core, handlers = server.core, server.handlers
  local is_request = core.kinds.request
  local count = 0
  server.hook_depth = 0
  local item = core.next()
  while item do
    local kind = item.kind
    if kind == is_request then
      on_request(server, item)
    else
      handlers[kind](server, item)
    end
    count = count + 1
    item = core.next()
  end
  return count
end

return pump
