-- SPDX-License-Identifier: MIT
-- Clients of streams, as hooks see them. Only streams that somebody wants to
-- be told of are known here, from their answer to their end.
local plain = require "stentor.plain"

local client = {}

local FRESH_MAX = 10000

-- What is known of streams: `fresh` ones were answered and are about to open.
-- A client may vanish just then, so the oldest fresh ones are forgotten.
function client.memory()
  return { open = {}, fresh = {}, older = {}, fresh_count = 0 }
end

-- A stream of which hooks will be told.
function client.remember(server, ticket, route, user)
  local told = server.told
  if told.fresh_count >= FRESH_MAX then
    told.older, told.fresh, told.fresh_count = told.fresh, {}, 0
  end
  told.fresh[server.core.ticket_text(ticket)] = { route = route, user = user }
  told.fresh_count = told.fresh_count + 1
end

local function channels_of(server, item)
  local list = {}
  for _, number in ipairs(server.core.item_channels(item)) do
    list[#list + 1] = server:channel_numbered(number)
  end
  return list
end

local function emit(channels, what, a, b)
  local seen = {}
  for _, channel in ipairs(channels) do
    channel.hooks:emit(what, a, b, seen)
  end
end

-- Tells `occupied` and `vacant` by what has changed since last time.
function client.count(channel)
  local count = channel.server.core.clients(channel.number)
  local before = channel.known_clients
  channel.known_clients = count
  if before == 0 and count > 0 then
    channel.hooks:emit("occupied", channel)
  elseif before > 0 and count == 0 then
    channel.hooks:emit("vacant", channel)
  end
end

-- The client of an OPENED or CLOSED item; from a brain before this one nothing
-- more is known of it than the item says.
local function new(server, item)
  local core, told = server.core, server.told
  local id = core.ticket_text(item.ticket)
  local known = told.fresh[id] or told.older[id]
  told.fresh[id], told.older[id] = nil, nil
  return { id = id, address = core.text(item.address),
    channels = channels_of(server, item), resumed = item.resumed == 1,
    route = known and known.route.name.text, user = known and known.user }
end

function client.on_opened(server, item)
  local opened = new(server, item)
  server.told.open[opened.id] = { client = opened,
    worker = server.core.ticket_worker(item.ticket),
    began = server.core.monotonic() }
  emit(opened.channels, "subscribe", opened)
  for _, channel in ipairs(opened.channels) do client.count(channel) end
end

function client.on_closed(server, item)
  local core, told = server.core, server.told
  local id = core.ticket_text(item.ticket)
  local gone = told.open[id] and told.open[id].client or new(server, item)
  local last_id = core.text(item.last_id)
  told.open[id] = nil
  emit(gone.channels, "unsubscribe", gone, { reason = core.text(item.reason),
    bytes = tonumber(item.bytes), seconds = item.seconds,
    last_id = last_id ~= "" and last_id or nil })
  for _, channel in ipairs(gone.channels) do client.count(channel) end
end

-- Hooks are not told: for them nothing has changed.
function client.on_moved(server, item)
  local entry = server.told.open[server.core.ticket_text(item.ticket)]
  if entry then entry.worker = item.worker end
end

-- A worker died, and its streams with it: nobody else will tell of their end.
function client.on_lost(server, item)
  local core, open = server.core, server.told.open
  local worker, now = item.worker, core.monotonic()
  local lost = {}
  for id, entry in pairs(open) do
    if entry.worker == worker then lost[id] = entry end
  end
  for id, entry in pairs(lost) do
    open[id] = nil
    emit(entry.client.channels, "unsubscribe", entry.client, { reason = "lost",
      seconds = math.floor((now - entry.began) / 1000) })
  end
  for _, channel in pairs(server.numbered) do
    if channel.hooks:wants_clients() then client.count(channel) end
  end
end

-- --- for the brain after this one ---

local function user_of(known)
  if plain.wrong(known.user) then return nil end
  return known.user
end

-- What is known of streams, as plain values. A `user` that is none is left out.
function client.leave(server)
  local told, open, fresh = server.told, {}, {}
  for id, entry in pairs(told.open) do
    local one, numbers = entry.client, {}
    for i, channel in ipairs(one.channels) do numbers[i] = channel.number end
    open[id] = { address = one.address, channels = numbers,
      resumed = one.resumed, route = one.route, user = user_of(one),
      worker = entry.worker, began = entry.began }
  end
  for _, list in ipairs { told.older, told.fresh } do
    for id, known in pairs(list) do
      fresh[id] = { route = known.route.name.text, user = user_of(known) }
    end
  end
  return { open = open, fresh = fresh }
end

-- Takes over what the brain before knew.
function client.take(server, left)
  local told = server.told
  for id, one in pairs(left.open) do
    local channels = {}
    for _, number in ipairs(one.channels) do
      channels[#channels + 1] = server:channel_numbered(number)
    end
    told.open[id] = { worker = one.worker, began = one.began,
      client = { id = id, address = one.address, channels = channels,
        resumed = one.resumed, route = one.route, user = one.user } }
  end
  for id, known in pairs(left.fresh) do
    told.older[id] = { route = { name = { text = known.route } },
      user = known.user }
  end
end

return client
