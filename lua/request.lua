-- SPDX-License-Identifier: MIT
-- A request as handlers see it. What the core lends is copied when the object
-- is made; what is derived from it is worked out when first read.
local json = require "stentor.json"
local refusal = require "stentor.refusal"
local router = require "stentor.router"

local request = {}
local methods = {}

-- A body holds half a million of "a&", which take half a second.
local FIELDS_MAX = 10000

-- "a=1&b=2" to a list of { name, value }; or nil and what is wrong with it.
local function form_fields(text)
  local fields = {}
  for piece in text:gmatch("[^&]+") do
    if #fields == FIELDS_MAX then
      return nil, ("has more than %d fields"):format(FIELDS_MAX)
    end
    local name, value = piece:match("^([^=]*)=?(.*)$")
    name = router.decode((name:gsub("+", " ")))
    value = router.decode((value:gsub("+", " ")))
    if not name or not value then return nil, "has a malformed escape" end
    fields[#fields + 1] = { name, value }
  end
  return fields
end
request.form_fields = form_fields

-- The first value of each name.
local function first_values(fields)
  local values = {}
  for _, field in ipairs(fields) do
    if values[field[1]] == nil then values[field[1]] = field[2] end
  end
  return values
end

local function query_fields(self)
  local fields = rawget(self, "_query_fields")
  if not fields then
    local why
    fields, why = form_fields(self._query)
    if not fields then error(refusal.new(400, "the query " .. why), 0) end
    rawset(self, "_query_fields", fields)
  end
  return fields
end

-- Names are in lower case; asking in any case is understood.
local headers_mt = { __index = function(self, name)
  if type(name) ~= "string" then return nil end
  local lower = name:lower()
  return lower ~= name and rawget(self, lower) or nil
end }

-- "name\0value\0…" to a table; repeated headers are joined, cookies by ";".
function request.headers(pairs_text)
  local headers = {}
  for name, value in pairs_text:gmatch("(%Z*)%z(%Z*)%z") do
    local before = headers[name]
    if before == nil then
      headers[name] = value
    else
      headers[name] = before .. (name == "cookie" and "; " or ", ") .. value
    end
  end
  return setmetatable(headers, headers_mt)
end

-- Each pattern passes over a text once, whatever a client sends: those that
-- may begin anywhere in it, or that end with "%s*$", can take seconds.
function request.cookies(text)
  local cookies = {}
  for piece in (text or ""):gmatch("[^;]+") do
    local name, value = piece:match("^%s*([^=%s]+)%s*=%s*(.*)$")
    if name and cookies[name] == nil then
      value = value:match("^.*%S") or ""
      cookies[name] = value:match('^"(.*)"$') or value
    end
  end
  return cookies
end

local lazy = {
  query = function(self) return first_values(query_fields(self)) end,
  headers = function(self) return request.headers(self._headers) end,
  cookies = function(self) return request.cookies(self.headers.cookie) end,
  params = function() return {} end,
}

local mt = { __index = function(self, name)
  local method = methods[name]
  if method then return method end
  local make = lazy[name]
  if make then
    local value = make(self)
    rawset(self, name, value)
    return value
  end
  if name == "load" then return self._server:load() end
  return nil
end, __tostring = function() return "a request" end }

-- request.json() is easily written.
local function check_self(self, method)
  if getmetatable(self) ~= mt then
    error(("%s: write it with a colon, as in request:%s(…)"):format(method,
      method), 3)
  end
end

-- Every value of a repeated name in the query, in order.
function methods:all(name)
  check_self(self, "all")
  local values = {}
  for _, field in ipairs(query_fields(self)) do
    if field[1] == name then values[#values + 1] = field[2] end
  end
  return values
end

-- The body's JSON value; a body that is none is answered 400.
function methods:json()
  check_self(self, "json")
  local value, why = json.decode_given(self.body)
  if why then
    if self.body == "" then
      error(refusal.new(400, "the body must be JSON, but it is empty"), 0)
    end
    error(refusal.new(400, "the body is not JSON: " .. why), 0)
  end
  return value
end

-- The fields of a form, the first value of each name.
function methods:form()
  check_self(self, "form")
  local kind = self.headers["content-type"] or ""
  if not kind:lower():find("^application/x%-www%-form%-urlencoded") then
    error(refusal.new(400, "the body must be a form: "
      .. "Content-Type: application/x-www-form-urlencoded"), 0)
  end
  local fields, why = form_fields(self.body)
  if not fields then error(refusal.new(400, "the form " .. why), 0) end
  return first_values(fields)
end

-- Copies from the core's `item`. `params` may be nil.
function request.new(server, item, method, path, params)
  local text = server.core.text
  return setmetatable({ method = method, path = path, params = params,
    body = text(item.body), address = text(item.address),
    _query = text(item.query), _headers = text(item.headers),
    _ticket = item.ticket, _server = server,
    _accepts_stream = item.accepts_stream == 1 }, mt)
end

return request
