-- SPDX-License-Identifier: MIT
--- What fuzzing begins with: for each target inputs that take it far into the
-- code.
local requests = require "spec.core.worker.request_corpus"

local seeds = {
  --- By target, the text of each.
  of = { answer = {}, framing = {}, journal = {}, mailbox = {}, names = {}, request = {} },
}

local function add(target, ...)
  table.insert(seeds.of[target], table.concat { ... })
end

-- The first byte says how the rest is cut into packets.
for i, case in ipairs(requests.all) do
  if #case.bytes < 4096 then add("request", string.char(i % 64), case.bytes) end
end

local function payload(lane, number)
  return ('data: {"load":"k3f9a0c2 %03d %08d %016d ~~~~"}\n\n'):format(lane, number, 1)
end

local stream = "retry: 5000\n:\n" .. payload(0, 1) .. payload(1, 1) .. payload(0, 3)
  .. "id: 7\r\nevent: gap\r\ndata: {}\r\n\r\n" .. "data: other\rdata\r\r"
  .. payload(0, 2) .. payload(1, 1)

local function chunked(text, size)
  local chunks = {}
  for at = 1, #text, size do
    local piece = text:sub(at, at + size - 1)
    table.insert(chunks, ("%x;a=b\r\n%s\r\n"):format(#piece, piece))
  end
  return table.concat(chunks) .. "0\r\nTrailer: x\r\n\r\n"
end

local head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n"
add("answer", "\3", head, "Transfer-Encoding: chunked\r\n\r\n", chunked(stream, 40))
add("answer", "\40", head, "Transfer-Encoding: chunked\r\n\r\n", chunked(stream, 7))
add("answer", "\1", head, "Content-Length: ", tostring(#stream), "\r\n\r\n", stream)
add("answer", "\9", head, "\r\n", "\239\187\191", stream)
add("answer", "\2", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", head,
  "Connection: close\r\n\r\n", stream)
add("answer", "\5", "HTTP/1.0 302 Found\nLocation: /b\nContent-Encoding: gzip\n\nx")

-- Four bytes for the id's epoch, its seq and the retry; the name with its size.
for _, case in ipairs {
  { "", "" }, { "", "hello" }, { "trade", '{"a":1}' }, { "", "one\ntwo\r\nthree\rfour" },
  { "x", "\r\n\r\n" }, { "gap", "x" }, { "a\nb", "x" }, { "", ("x"):rep(300) .. "\0\255\n" },
} do
  add("framing", "\0\0\48\57", "\0\0\0\7", "\0\0\3\232", string.char(#case[1]), case[1], case[2])
end

-- Rows of steps, each a few bytes.
local function row(count, step)
  local bytes = {}
  for i = 1, count do
    for _, byte in ipairs(step(i)) do table.insert(bytes, string.char(byte % 256)) end
  end
  return table.concat(bytes)
end

local filling = row(40, function(i) return { 100, i % 16, i * 5 } end)
local passing = row(40, function(i)
  return { 20, 0, i, 90, 2, i, 150, 0, 0, 150, 0, 0, 210, 0, 0 }
end)
add("mailbox", filling)
add("mailbox", passing)
add("mailbox", filling, "\150\0\0\250\0\0\210\0\0", passing)

local appends = row(60, function(i)
  return { 10, i % 3, i % 4, i * 7, 1, (i + 1) % 4, 90, 2, (i + 2) % 4, 200, 3, i % 5 }
end)
add("journal", "\0\0\0\0", appends, "\255\0\0\0\9\205\241\0\0\0\40")
add("journal", "\0\3\1\200", appends, "\220\0\0\0\50", appends)

for _, text in ipairs {
  "5e0c7a1f-93d2-8000-8000-000000000001", "ffffffff-ffff-8fff-bfff-ffffffffffff",
  "1.2.3.4", "::1", "::ffff:1.2.3.4", "2001:db8::8:800:200c:417a", "10.0.0.0/8", "fd00::/8",
  "1.2.3.4, 10.0.0.1:80, [::1]:99", 'for=1.2.3.4;proto=http, for="[2001:db8::1]:4711"',
  'for=_hidden, for=unknown;by="a\\"b,c"', "::", "0.0.0.0",
} do
  add("names", text)
end

--- Writes a target's seeds to files; their folder and paths.
function seeds.write(target)
  local folder, paths = "build/fuzz/seeds/" .. target, {}
  assert(os.execute("mkdir -p " .. folder) == 0)
  for i, text in ipairs(seeds.of[target]) do
    paths[i] = ("%s/%03d"):format(folder, i)
    local file = assert(io.open(paths[i], "wb"))
    file:write(text)
    file:close()
  end
  return folder, paths
end

return seeds
