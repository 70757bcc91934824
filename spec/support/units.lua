-- SPDX-License-Identifier: MIT
--- The C units, called from Lua: the same objects as in the server, as a
-- library beside it, declared by the very headers that C includes.
local ffi = require "ffi"

local units = { ffi = ffi }

-- What LuaJIT does not know of the system's headers.
ffi.cdef [[
typedef int pid_t;
typedef long off_t;
typedef long time_t;
typedef unsigned socklen_t;
typedef bool atomic_bool;
typedef struct FILE FILE;
typedef struct lua_State lua_State;
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef int rd_kafka_resp_err_t;
typedef struct { int cnt; int size; void *elems; } rd_kafka_topic_partition_list_t;
typedef struct {
  rd_kafka_resp_err_t err; rd_kafka_topic_t *rkt; int32_t partition; void *payload; size_t len;
  void *key; size_t key_len; int64_t offset; void *_private;
} rd_kafka_message_t;
struct timespec { long tv_sec; long tv_nsec; };
struct sockaddr_storage { unsigned short ss_family; char bytes[126]; } __attribute__((aligned(8)));
typedef struct { char *base; size_t len; } uv_buf_t;
typedef unsigned long uv_thread_t;
size_t uv_loop_size(void);
size_t uv_handle_size(int type);
size_t uv_req_size(int type);
]]

-- libuv's structs are boxes of the right size; the numbers are those of its
-- uv_handle_type and uv_req_type, which never change.
local function declare_uv()
  local uv = ffi.load "libuv.so.1"
  local function box(name, size)
    ffi.cdef(("typedef struct uv_%s_s { void *data; char bytes[%d]; } "
      .. "__attribute__((aligned(8))) uv_%s_t;"):format(name, tonumber(size) - 8, name))
  end
  box("loop", uv.uv_loop_size())
  local handles = {
    async = 1, check = 2, handle = 5, idle = 6, pipe = 7, poll = 8, prepare = 9, process = 10,
    stream = 11, tcp = 12, timer = 13, signal = 16,
  }
  for name, number in pairs(handles) do box(name, uv.uv_handle_size(number)) end
  local requests = { connect = 2, write = 3, shutdown = 4, work = 7 }
  for name, number in pairs(requests) do box(name, uv.uv_req_size(number)) end
end
declare_uv()

-- The text without the bodies of its inline functions.
local function drop_inline(text)
  local kept, at = {}, 1
  while true do
    local start = text:find("static inline", at, true)
    if not start then break end
    kept[#kept + 1] = text:sub(at, start - 1)
    local _, stop = text:find("%b{}", start)
    at = stop + 1
  end
  kept[#kept + 1] = text:sub(at)
  return table.concat(kept)
end

local function to_cdef(text)
  return (drop_inline(text)
    -- A constant wider than 32 bits, which LuaJIT cannot declare.
    :gsub("static const u?int64_t [^;]*;", "")
    :gsub("_Static_assert%s*%b();?", "")
    :gsub("_Alignas%s*(%b())", "__attribute__((aligned%1))")
    :gsub("_Atomic%s*(%b())", function(inner) return inner:sub(2, -2) end)
    :gsub("_Atomic%s+", "")
    :gsub("_Noreturn%s", "")
    :gsub("%f[%w_]extern%s", ""))
end

-- llhttp's struct is inside ours.
local function is_ours(file)
  return file:find "^core/" or file:find "llhttp%.h$"
end

local declared = {} -- header → true

--- Declares what `header` ("core/journal/reader.h") and the headers of ours
-- that it includes declare; each once. Returns `units.lib`, to call it.
function units.cdef(header)
  local command = io.popen("cc -E -Icore -I/usr/share/include/llhttp -D_GNU_SOURCE -x c "
    .. header)
  local text = command:read "*a"
  command:close()
  assert(#text > 0, "the C preprocessor refused " .. header)
  local kept, fresh, file = {}, {}, nil
  for line in text:gmatch "([^\n]*)\n" do
    local marker = line:match '^# %d+ "([^"]*)"'
    if marker then
      file = marker
    elseif is_ours(file) and not declared[file] then
      fresh[file] = true
      kept[#kept + 1] = line
    end
  end
  local ok, why = pcall(ffi.cdef, to_cdef(table.concat(kept, "\n")))
  if not ok then error(header .. ": " .. why, 2) end
  for name in pairs(fresh) do declared[name] = true end
  return units.lib
end

local function library_path()
  local binary = os.getenv "STENTOR" or "build/release/stentor"
  return binary:gsub("[^/]*$", "") .. "libstentor-units.so"
end

-- Loaded when first used: most specs have no need of it.
return setmetatable(units, {
  __index = function(_, name)
    if name == "lib" then
      local path = library_path()
      if not path:find "/" then path = "./" .. path end
      units.lib = ffi.load(path)
      return units.lib
    end
  end,
})
