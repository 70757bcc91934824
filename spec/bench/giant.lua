-- SPDX-License-Identifier: MIT
-- Very many clients on one machine: connects them, broadcasts an event, holds
-- them with nothing but heartbeats for a minute, broadcasts some more, and says
-- what it cost. `stentor load` is the clients, and judges that each of them got
-- every event once and in order.
--
--   require("spec.bench.giant").run { clients = 250000, seconds = 60 }
local json = require "cjson"
local uv = require "luv"
local figure = require "spec.bench.figure"
local markdown = require "spec.bench.markdown"
local proc = require "spec.bench.proc"
local process = require "spec.bench.process"
local record = require "spec.bench.record"
local server = require "spec.bench.server"

local giant = {}

local EVENTS = 5
local GAP_S = 4           -- between the events after the hold
local SETTLE_S = 10       -- after the first event, before the hold is measured
local LAST_S = 8          -- after the last event: it is still on its way to some
local WORKERS_MAX = 64
local HEARTBEAT_S = 15
local SAMPLE_MS = 500

-- The server paces the broadcasts by answering late: the tester publishes the
-- next event as soon as one is answered. What it sends after the last is
-- refused, which is counted apart from the events.
local config = [[
listen "127.0.0.1:%d"
workers(%d)
limits { connections = %d, answer_time = "10m" }
heartbeat { every = "%ds", jitter = "20%%" }

local events = channel "events" { replay = "10m" }
local published = 0
local pause = { [1] = "%ds", [%d] = "1ms" }

plugin "health" { path = "/" }
route "GET /events"   { stream = events }
route "POST /publish" {
  respond = function(request)
    published = published + 1
    if published > %d then
      sleep "1s"
      return 503
    end
    local id = events:publish(request.body)
    sleep(pause[published] or "%ds")
    return 202, { id = id }
  end,
}
]]

local function read(path)
  local file = io.open(path, "r")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

local function descriptors()
  local hard = read("/proc/self/limits"):match "Max open files%s+%d+%s+(%d+)"
  return tonumber(hard) or 1048576 -- "unlimited" is as many as nr_open allows
end

-- As many as the descriptors demand. The kernel deals connections out by a
-- hash, so some workers get more than the mean: four standard deviations of
-- room, within the part of its descriptors that a worker serves.
local function workers_for(clients)
  local room = (descriptors() - 32) * 0.9
  local workers = 2
  while workers < WORKERS_MAX do
    local mean = clients / workers
    if mean + 4 * math.sqrt(mean) <= room then break end
    workers = workers + 1
  end
  return workers
end

-- Memory of the kernel's objects that a connection is made of. All of Slab
-- would also hold what reading /proc has left there; but only root sees more.
local function socket_bytes(memory, sockets)
  local list, bytes = read "/proc/slabinfo", 0
  if list == "" then return tonumber(memory:match "Slab:%s+(%d+)") * 1024 end
  for name, count, size in list:gmatch "\n(%S+)%s+%d+%s+(%d+)%s+(%d+)" do
    if name == "TCP" or name == "sock_inode_cache" or name == "filp" or name == "eventpoll_epi"
      or name:find "^lsm_" then
      bytes = bytes + tonumber(count) * tonumber(size)
    elseif name == "dentry" then
      bytes = bytes + sockets * tonumber(size)
    end
  end
  return bytes
end

-- What the kernel has: its objects, bytes on their way in TCP, and sockets.
local function kernel()
  local counts = read "/proc/net/sockstat"
  local sockets = tonumber(counts:match "TCP: inuse (%d+)" or 0)
  return {
    sockets = sockets,
    waiting = tonumber(counts:match "TCP:.* tw (%d+)" or 0),
    socket_bytes = socket_bytes(read "/proc/meminfo", sockets),
    tcp_bytes = tonumber(counts:match "TCP:.* mem (%d+)" or 0) * 4096,
  }
end

local function role(pid)
  return (read(("/proc/%d/cmdline"):format(pid)):gsub("%z.*", ""):gsub("%s+$", ""))
end

-- GET / of the server, as a table; nil if it does not answer.
local function counters(port)
  local socket, text, over = uv.new_tcp(), "", false
  socket:connect("127.0.0.1", port, function(failure)
    if failure then
      over = true
      return
    end
    socket:write "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
    socket:read_start(function(_, data)
      text = text .. (data or "")
      over = over or not data
    end)
  end)
  process.wait(30, function() return over end)
  socket:close()
  local body = text:match "\r\n\r\n(.*)"
  local decoded, answer = pcall(json.decode, body)
  return decoded and answer.counters or nil
end

local function start(options, workers)
  local self = { name = "stentor", port = process.free_port() }
  local path = server.folder .. "/giant.lua"
  local file = assert(io.open(path, "w"))
  file:write(config:format(self.port, workers, math.ceil(options.clients * 1.04) + 64,
    HEARTBEAT_S, SETTLE_S + options.seconds, EVENTS, EVENTS, GAP_S))
  file:close()
  self.process = process.start(server.binary, { "run", path })
  process.wait_for_port(self.port, self.process, 10)
  process.sleep(1)
  self.pids = proc.family(self.process.pid)
  return self
end

local function cpu_at(samples, at_us)
  local value = samples[1].cpu_s
  for _, sample in ipairs(samples) do
    if sample.at_us <= at_us then value = sample.cpu_s end
  end
  return value
end

-- Memory and counters in the middle of the hold and at its end, and processor
-- time all along. The hold begins SETTLE_S after the first event has come to
-- the server, which the sampler sees by itself: events_sent has grown.
local function watch(self, options, load)
  local samples, seen = {}, {}
  local timer = uv.new_timer()
  timer:start(0, SAMPLE_MS, function()
    samples[#samples + 1] = { at_us = tonumber(uv.hrtime()) / 1000,
                              cpu_s = proc.cpu_seconds(self.pids) }
  end)
  local function begun()
    local now = counters(self.port)
    return now and now.events_sent > 0 or load.code
  end
  local finished, failure = pcall(function()
    while not begun() do process.sleep(0.2) end
    process.sleep(SETTLE_S - 1)
    if load.code then return end
    seen.hold_began_us, seen.before = tonumber(uv.hrtime()) / 1000, counters(self.port)
    process.sleep(options.seconds / 2)
    seen.memory, seen.kernel = {}, kernel()
    for _, pid in ipairs(self.pids) do
      seen.memory[#seen.memory + 1] = { pid = pid, role = role(pid),
                                        pss_bytes = proc.pss_bytes { pid } }
    end
    process.sleep(options.seconds / 2)
    seen.hold_ended_us, seen.after = tonumber(uv.hrtime()) / 1000, counters(self.port)
  end)
  local output
  if finished then output = process.finish(load, 240) end
  timer:stop()
  timer:close()
  if not finished then error(failure, 0) end
  if seen.hold_ended_us then
    seen.hold_cpu_s = cpu_at(samples, seen.hold_ended_us) - cpu_at(samples, seen.hold_began_us)
  end
  return output, seen
end

local function sum(memory)
  local bytes = 0
  for _, each in ipairs(memory) do bytes = bytes + each.pss_bytes end
  return bytes
end

-- What is wrong with the deliveries, or nil.
local function fault(report, clients)
  local connections, deliveries = report.connections, report.deliveries
  local wanted = report.published.accepted * clients
  if connections.opened ~= clients or connections.failed > 0 then
    return ("%d of %d clients failed"):format(connections.failed, clients)
  elseif report.published.accepted ~= EVENTS then
    return ("%d of %d events accepted"):format(report.published.accepted, EVENTS)
  elseif deliveries.lost + deliveries.duplicated + deliveries.reordered + deliveries.gaps > 0 then
    return ("%d lost, %d twice, %d out of order, %d gaps"):format(deliveries.lost,
      deliveries.duplicated, deliveries.reordered, deliveries.gaps)
  elseif deliveries.count ~= wanted then
    return ("%d deliveries instead of %d"):format(deliveries.count, wanted)
  end
end

local function rows_of(run, options)
  local report, seen = run.report, run.seen
  local clients = options.clients
  local user = sum(seen.memory)
  local each = (user - sum(run.idle)) / clients
  local kernel_bytes = seen.kernel.socket_bytes - run.kernel.socket_bytes
  local beats = seen.after.heartbeats - seen.before.heartbeats
  -- The goal is said for 250,000 clients, and scales with them.
  local user_goal = math.max(20e6, 120e6 * clients / 250000)
  local why = fault(report, clients)
  local first, latency = report.first_byte_ms, report.latency_ms
  return {
    { "every event once and in order, at every client",
      why or ("%d × %d"):format(EVENTS, clients), "all", why == nil },
    { "connects/s", ("%.0f"):format(report.connect_per_s) },
    { "connect to first byte, p50 / p95 / max",
      ("%.0f / %.0f / %.0f ms"):format(first.p50, first.p95, first.max) },
    { "an event to a client, p50 / p99 / max",
      ("%.2f / %.2f / %.2f s"):format(latency.p50 / 1000, latency.p99 / 1000, latency.max / 1000) },
    { "user memory of the server", figure.mega(user), "≤ " .. figure.mega(user_goal),
      user <= user_goal },
    { "user memory a client", ("%.0f bytes"):format(each), "≤ 400 bytes", each <= 400 },
    { "kernel memory of both ends (sockets, TCP buffers)",
      figure.mega(kernel_bytes + seen.kernel.tcp_bytes) },
    { "kernel memory a connection, both ends", ("%.0f bytes"):format(kernel_bytes / clients) },
    { ("heartbeats in %d s"):format(options.seconds), ("%d"):format(beats) },
    { ("CPU of the server in %d s"):format(options.seconds), ("%.2f s"):format(seen.hold_cpu_s) },
    { "CPU a heartbeat", ("%.2f µs"):format(seen.hold_cpu_s / beats * 1e6) },
    { "all of it ended when asked to", run.clean and "yes" or "no", "yes", run.clean },
  }
end

-- As judge.lua makes them, for the one table.
local function lines_of(rows)
  local lines = {}
  for i, row in ipairs(rows) do
    lines[i] = { what = row[1], cells = { stentor = row[2] }, good = row[4] ~= false,
                 goals = row[3] and { { text = row[3], good = row[4] } } or {} }
  end
  return lines
end

local function print_lines(title, lines, run)
  local good, shown = true, { "stentor" }
  io.stdout:write("\n", markdown.head(shown, markdown.titles(shown)))
  for _, line in ipairs(lines) do
    good = good and line.good
    io.stdout:write(markdown.line(title, line, shown))
  end
  print "\n| process | user memory (Pss) |\n|---|---|"
  for _, each in ipairs(run.seen.memory) do
    print(("| %s | %s |"):format(each.role, figure.mega(each.pss_bytes)))
  end
  return good
end

local function keep(title, lines, run, options)
  local kinds = {}
  for i, each in ipairs(run.seen.memory) do
    kinds[i] = ("%s %s"):format(each.role:gsub("^stentor: ", ""), figure.mega(each.pss_bytes))
  end
  record.save("giant", {
    title = title, lines = lines, shown = { "stentor" }, run = run, size = options, notes = {},
    titles = markdown.titles { "stentor" },
    about = ("%s clients on %d workers, held for %d s with nothing but heartbeats, an event before "
      .. "and %d after; memory by process: %s"):format(figure.count(options.clients), run.workers,
      options.seconds, EVENTS - 1, table.concat(kinds, ", ")),
  })
end

-- Starts, loads and stops; returns what was seen.
local function measure(options)
  local run = { kernel = kernel(), workers = options.workers or workers_for(options.clients) }
  print(("%s; %d clients, %d workers"):format(proc.machine(), options.clients, run.workers))
  local self = start(options, run.workers)
  run.idle = {}
  for i, pid in ipairs(self.pids) do run.idle[i] = { pss_bytes = proc.pss_bytes { pid } } end
  local seconds = SETTLE_S + options.seconds + (EVENTS - 2) * GAP_S + LAST_S
  local load = process.start(server.binary, { "load",
    ("http://127.0.0.1:%d/events"):format(self.port), "--json", "--publish=/publish", "--rate=max",
    "--in-flight=1", "--connections=" .. options.clients, "--duration=" .. seconds .. "s",
    "--timeout=30s" })
  local output
  output, run.seen = watch(self, options, load)
  run.clean = process.stop(self.process) -- false if it had to be killed
  run.report = json.decode(output)
  if not run.seen.after then
    error("the clients ended before the hold did; see " .. process.log, 0)
  end
  return run
end

-- Runs it with `clients`, holding them for `seconds`, with as many workers as it
-- takes. Returns whether all goals were reached. With `keeps` the results are
-- kept among those of the scenarios.
function giant.run(options)
  process.log = process.log or server.folder .. "/giant.log"
  local good
  process.guard(function()
    local run = measure(options)
    local title = figure.count(options.clients) .. " clients"
    local lines = lines_of(rows_of(run, options))
    good = print_lines(title, lines, run)
    if options.keeps then keep(title, lines, run, options) end
  end)
  return good
end

return giant
