-- SPDX-License-Identifier: MIT
-- Addresses to listen on: "127.0.0.1:3000", "[::1]:3000", "localhost:3000".
local address = {}

local function is_v4(host)
  local parts = { host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, part in ipairs(parts) do
    if tonumber(part) > 255 or #part > 3 then return false end
  end
  return #parts == 4
end

local function is_v6(host)
  return host:find(":", 1, true) and host:find("^[%x:.]+$")
    and not host:find(":::", 1, true) and #host <= 45
end

-- { host, port }, or nil, what is wrong.
function address.parse(text)
  if type(text) ~= "string" then
    return nil, 'expected an address such as "127.0.0.1:3000"'
  end
  local host, port = text:match("^(.*):(%d+)$")
  if not host or text:find("^%[?[%x:]*::[%x:]*$") then
    return nil, ('"%s" has no port, as in "127.0.0.1:3000"'):format(text)
  end
  port = tonumber(port)
  if port < 1 or port > 65535 then
    return nil, ('"%s": the port must be between 1 and 65535'):format(text)
  end
  if host == "" or host == "*" then
    return nil, ('"%s" names no address: for all of them write "0.0.0.0:%d", '
      .. 'for this machine only "127.0.0.1:%d"'):format(text, port, port)
  end
  if host == "localhost" then host = "127.0.0.1" end
  local v6 = host:match("^%[(.*)%]$")
  if v6 and is_v6(v6) then return { host = v6, port = port } end
  if is_v4(host) then return { host = host, port = port } end
  if is_v6(host) then
    return nil, ('"%s": an IPv6 address stands in brackets, as in "[::1]:%d"')
      :format(text, port)
  end
  return nil, ('"%s": expected a numeric address such as "127.0.0.1:%d"')
    :format(text, port)
end

return address
