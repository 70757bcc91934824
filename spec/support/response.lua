-- SPDX-License-Identifier: MIT
--- Parsing an HTTP response as a client would, independent of the server.
local response = {}

--- The head at the start of `bytes`: `{ status, reason, version, headers,
-- list }` and the rest of the bytes; nil while it is not whole. Names are in
-- lower case, repeated headers joined by ", "; `list` has them as they came.
function response.head(bytes)
  local head, rest = bytes:match "^(.-\r\n)\r\n(.*)$"
  if not head then return nil end
  local version, status, reason = head:match "^HTTP/(%d%.%d) (%d%d%d) ?([^\r\n]*)\r\n"
  assert(version, "not an HTTP response: " .. head)
  local headers, list = {}, {}
  for line in head:match "^[^\n]*\n(.*)$":gmatch "(.-)\r\n" do
    local name, value = line:match "^([^%s:]+):[ \t]*(.-)[ \t]*$"
    assert(name, "not a header line: " .. line)
    list[#list + 1] = { name, value }
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return {
    status = tonumber(status),
    reason = reason,
    version = version,
    headers = headers,
    list = list,
  }, rest
end

--- Decodes as much chunked body as `bytes` has: the data, what is not decoded
-- yet, and whether the last chunk was seen.
function response.unchunk(bytes)
  local data, at = {}, 1
  while true do
    local first, last, digits = bytes:find("^(%x+)\r\n", at)
    if not first then
      local partial = bytes:sub(at)
      assert(partial:find "^%x*\r?$", "not a chunk: " .. partial:sub(1, 40))
      break
    end
    local size = tonumber(digits, 16)
    if #bytes < last + size + 2 then break end
    assert(bytes:sub(last + size + 1, last + size + 2) == "\r\n", "a chunk without its end")
    at = last + size + 3
    if size == 0 then return table.concat(data), bytes:sub(at), true end
    data[#data + 1] = bytes:sub(last + 1, last + size)
  end
  return table.concat(data), bytes:sub(at), false
end

local function has_no_body(head, method)
  return method == "HEAD" or head.status == 204 or head.status == 304 or head.status < 200
end

--- One whole response at the start of `bytes` and the rest, or nil. `method`
-- is that of its request; `closed`: no more bytes will come.
function response.parse(bytes, method, closed)
  local head, rest = response.head(bytes)
  if not head then return nil end
  local size = tonumber(head.headers["content-length"])
  if has_no_body(head, method) then
    head.body = ""
  elseif head.headers["transfer-encoding"] == "chunked" then
    local data, after, done = response.unchunk(rest)
    if not done then return nil end
    head.body, rest = data, after
  elseif size then
    if #rest < size then return nil end
    head.body, rest = rest:sub(1, size), rest:sub(size + 1)
  elseif closed then
    head.body, rest = rest, ""
  else
    return nil
  end
  return head, rest
end

return response
