-- SPDX-License-Identifier: MIT
-- Finds the route of a request. At each segment a literal beats ":id" and
-- ":id" beats "*rest", whatever the order in which routes were added; a route
-- without the request's method is passed over for a less literal one with it.
local names = require "stentor.names"

local router = {}
router.__index = router

local function node_new()
  return { literals = {}, one = nil, rest = nil, routes = nil }
end

-- `literal` holds the routes without parameters by their path as sent, so
-- that most requests need one look-up.
function router.new()
  return setmetatable({ root = node_new(), literal = {}, methods = {} },
    router)
end

-- `route` needs `name`, as names.route gives it.
function router:add(route)
  local node, name = self.root, route.name
  for _, segment in ipairs(name.segments) do
    local kind, below = segment.kind
    if kind == "literal" then
      below = node.literals[segment.text] or node_new()
      node.literals[segment.text] = below
    else
      below = node[kind] or node_new()
      node[kind] = below
    end
    node = below
  end
  node.routes = node.routes or {}
  node.routes[name.method], self.methods[name.method] = route, true
  if #name.params == 0 then
    self.literal[name.path] = node.routes
  end
end

-- "%41" to "A"; nil if it is malformed or hides a NUL.
function router.decode(text)
  if not text:find("%", 1, true) then return text end
  local bad = false
  local decoded = text:gsub("%%(.?.?)", function(hex)
    local code = hex:find("^%x%x$") and tonumber(hex, 16)
    if not code or code == 0 then
      bad = true
      return nil
    end
    return string.char(code)
  end)
  return not bad and decoded or nil
end

local function pick(routes, method)
  return routes[method] or method == "HEAD" and routes.GET or nil
end

-- Depth first, the most literal way first. `search.values` holds what the
-- parameters stand for on the way taken.
local function walk(search, node, at)
  if at > #search.segments then
    if not node.routes then return nil end
    for method in pairs(node.routes) do search.allow[method] = true end
    return pick(node.routes, search.method)
  end
  local segment = search.segments[at]
  local depth = #search.values
  local below = node.literals[segment]
  local found = below and walk(search, below, at + 1)
  if found then return found end
  if node.one and segment ~= "" then
    search.values[depth + 1] = segment
    found = walk(search, node.one, at + 1)
    if found then return found end
    search.values[depth + 1] = nil
  end
  if node.rest then
    search.values[depth + 1] = table.concat(search.segments, "/", at)
    for method in pairs(node.rest.routes) do search.allow[method] = true end
    found = pick(node.rest.routes, search.method)
    if found then return found end
    search.values[depth + 1] = nil
  end
  return nil
end

local function allow_text(allow)
  local list = {}
  if allow.GET then allow.HEAD = true end
  allow.OPTIONS = true
  for method in pairs(allow) do list[#list + 1] = method end
  table.sort(list)
  return table.concat(list, ", ")
end

local function search_all(self, method, path)
  local search = { method = method, segments = names.split(path:sub(2)),
    values = {}, allow = {} }
  for i, segment in ipairs(search.segments) do
    local decoded = router.decode(segment)
    if not decoded then return nil, 400 end
    search.segments[i] = decoded
  end
  local route = walk(search, self.root, 1)
  if route then
    local params = {}
    for i, name in ipairs(route.name.params) do
      params[name] = search.values[i]
    end
    return route, params
  end
  if not next(search.allow) then return nil, 404 end
  return nil, method == "OPTIONS" and 204 or 405, allow_text(search.allow)
end

-- The route and its parameters (nil if it has none); or nil, a status (204 is
-- the answer to OPTIONS) and the text of the Allow header.
function router:find(method, path)
  local routes = self.literal[path]
  local route = routes and routes[method]
  if route then return route, nil end
  if path == "*" and method == "OPTIONS" then
    return nil, 204, allow_text(self.methods)
  end
  if path:sub(1, 1) ~= "/" then return nil, 400 end
  return search_all(self, method, path)
end

return router
