-- SPDX-License-Identifier: MIT
-- `keep "name" {…}`: tables of plain values that a reload hands on. They lie on
-- the shelf (core/mailbox/shelf.h) between the release of one brain and the
-- start of the next; one that comes after a death throws them away.
local buffer = require "string.buffer"
local client = require "stentor.client"
local plain = require "stentor.plain"
local standin = require "stentor.config.standin"

local keep = {}

local PREFIX = "keep "
local CLIENTS = "clients"
local NAME_MAX = 150 -- bytes

-- The word; `owner` is the plugin whose table it is, or nil.
function keep.declare(call, owner)
  local kept = call.server.kept
  local name = owner and owner .. "/" .. call.name or call.name
  if kept[name] then
    call.tell({}, "is declared twice")
    return standin.new()
  end
  if #name > NAME_MAX then
    call.tell({}, ("its name is longer than %d bytes"):format(NAME_MAX))
  end
  local wrong = plain.wrong(call.settings)
  if wrong then call.tell({}, wrong) end
  kept[name] = call.settings
  return call.settings
end

local function failed(server, title, why)
  server:failed(title, "is not handed on: " .. why)
end

local function put(server, record, title, values)
  local ok, why, code = server.core.keep_put(record, buffer.encode(values))
  if code == "EFULL" then why = "limits.kept is reached" end
  if not ok then failed(server, title, why) end
end

-- Leaves all of it for the next brain, and what is known of clients.
function keep.leave(server)
  for name, values in pairs(server.kept) do
    local title, wrong = ('keep "%s"'):format(name), plain.wrong(values)
    if wrong then
      failed(server, title, wrong)
    else
      put(server, PREFIX .. name, title, values)
    end
  end
  local told = client.leave(server)
  if next(told.open) or next(told.fresh) then
    put(server, CLIENTS, "clients", told)
  end
end

-- What was kept wins; what the config has of its own besides stays.
local function fill(values, old)
  for key, value in pairs(old) do values[key] = value end
end

local function take_record(server, record, old)
  local values = server.kept[record:sub(#PREFIX + 1)]
  if record == CLIENTS then
    client.take(server, old)
  elseif values then
    fill(values, old)
  end
end

-- Takes what the brain before this one has left, if it was told to go.
function keep.take(server)
  local core = server.core
  local handed_over = core.handed_over()
  for _, record in ipairs(core.keep_names()) do
    if record == CLIENTS or record:sub(1, #PREFIX) == PREFIX then
      local text = handed_over and core.keep_get(record)
      if text then
        local ok, old = pcall(buffer.decode, text)
        if ok then
          take_record(server, record, old)
        else
          server:failed(record, "what was handed on cannot be read")
        end
      end
      core.keep_remove(record)
    end
  end
end

return keep
