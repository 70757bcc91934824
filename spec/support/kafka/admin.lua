-- SPDX-License-Identifier: MIT
--- What kcat cannot do: topics made, enlarged, deleted, and records deleted.
-- Each call is a client of its own, and returns when the broker has answered.
local ffi = require("spec.support.units").ffi

local admin = {}

ffi.cdef [[
typedef struct rd_kafka_topic_result_s rd_kafka_topic_result_t;
rd_kafka_conf_t *rd_kafka_conf_new(void);
int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
void rd_kafka_destroy(rd_kafka_t *);
rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *, int);
int rd_kafka_event_error(rd_kafka_event_t *);
const char *rd_kafka_event_error_string(rd_kafka_event_t *);
void rd_kafka_event_destroy(rd_kafka_event_t *);
const rd_kafka_topic_result_t **rd_kafka_CreateTopics_result_topics(rd_kafka_event_t *, size_t *);
int rd_kafka_topic_result_error(const rd_kafka_topic_result_t *);
const char *rd_kafka_topic_result_error_string(const rd_kafka_topic_result_t *);
void *rd_kafka_NewTopic_new(const char *, int, int, char *, size_t);
int rd_kafka_NewTopic_set_config(void *, const char *, const char *);
void rd_kafka_NewTopic_destroy(void *);
void rd_kafka_CreateTopics(rd_kafka_t *, void **, size_t, void *, rd_kafka_queue_t *);
void *rd_kafka_DeleteTopic_new(const char *);
void rd_kafka_DeleteTopic_destroy(void *);
void rd_kafka_DeleteTopics(rd_kafka_t *, void **, size_t, void *, rd_kafka_queue_t *);
void *rd_kafka_NewPartitions_new(const char *, size_t, char *, size_t);
void rd_kafka_NewPartitions_destroy(void *);
void rd_kafka_CreatePartitions(rd_kafka_t *, void **, size_t, void *, rd_kafka_queue_t *);
rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int);
void *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *, const char *, int32_t);
int rd_kafka_topic_partition_list_set_offset(rd_kafka_topic_partition_list_t *, const char *,
  int32_t, int64_t);
void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *);
void *rd_kafka_DeleteRecords_new(const rd_kafka_topic_partition_list_t *);
void rd_kafka_DeleteRecords_destroy(void *);
void rd_kafka_DeleteRecords(rd_kafka_t *, void **, size_t, void *, rd_kafka_queue_t *);
int rd_kafka_query_watermark_offsets(rd_kafka_t *, const char *, int32_t, int64_t *, int64_t *,
  int);
]]

local PRODUCER, TEXT_BYTES, PATIENCE_MS = 0, 512, 10000
local rdkafka = ffi.load "librdkafka.so.1"

local function connect(address)
  local text = ffi.new("char[?]", TEXT_BYTES)
  local conf = rdkafka.rd_kafka_conf_new()
  local settings = { ["bootstrap.servers"] = address, ["log_level"] = "0" }
  for name, value in pairs(settings) do
    assert(rdkafka.rd_kafka_conf_set(conf, name, value, text, TEXT_BYTES) == 0)
  end
  local client = rdkafka.rd_kafka_new(PRODUCER, conf, text, TEXT_BYTES)
  return client ~= nil and client or error(ffi.string(text))
end

-- Calls `ask(client, queue)` and waits for the one answer that comes of it.
local function ask(address, name, request, free)
  local client = connect(address)
  local queue = rdkafka.rd_kafka_queue_new(client)
  rdkafka["rd_kafka_" .. name](client, ffi.new("void *[1]", { request }), 1, nil, queue)
  local event, why = rdkafka.rd_kafka_queue_poll(queue, PATIENCE_MS), nil
  if event == nil then
    why = "no answer"
  elseif rdkafka.rd_kafka_event_error(event) ~= 0 then
    why = ffi.string(rdkafka.rd_kafka_event_error_string(event))
  elseif name ~= "DeleteRecords" then
    -- The results of all three calls about topics are laid out alike.
    local count = ffi.new "size_t[1]"
    local results = rdkafka.rd_kafka_CreateTopics_result_topics(event, count)
    if count[0] > 0 and rdkafka.rd_kafka_topic_result_error(results[0]) ~= 0 then
      why = ffi.string(rdkafka.rd_kafka_topic_result_error_string(results[0]))
    end
  end
  if event ~= nil then rdkafka.rd_kafka_event_destroy(event) end
  free(request)
  rdkafka.rd_kafka_queue_destroy(queue)
  rdkafka.rd_kafka_destroy(client)
  if why then error(("%s: %s"):format(name, why), 3) end
end

--- `config`: name → value of topic settings.
function admin.create(address, topic, partitions, config)
  local text = ffi.new("char[?]", TEXT_BYTES)
  local request = rdkafka.rd_kafka_NewTopic_new(topic, partitions or 1, 1, text, TEXT_BYTES)
  for name, value in pairs(config or {}) do
    rdkafka.rd_kafka_NewTopic_set_config(request, name, tostring(value))
  end
  ask(address, "CreateTopics", request, rdkafka.rd_kafka_NewTopic_destroy)
end

function admin.delete(address, topic)
  ask(address, "DeleteTopics", rdkafka.rd_kafka_DeleteTopic_new(topic),
    rdkafka.rd_kafka_DeleteTopic_destroy)
end

--- Until there are `count` partitions in all.
function admin.add_partitions(address, topic, count)
  local text = ffi.new("char[?]", TEXT_BYTES)
  ask(address, "CreatePartitions",
    rdkafka.rd_kafka_NewPartitions_new(topic, count, text, TEXT_BYTES),
    rdkafka.rd_kafka_NewPartitions_destroy)
end

--- Deletes the records of a partition that are older than offset `before`.
function admin.delete_records(address, topic, partition, before)
  local list = rdkafka.rd_kafka_topic_partition_list_new(1)
  rdkafka.rd_kafka_topic_partition_list_add(list, topic, partition)
  rdkafka.rd_kafka_topic_partition_list_set_offset(list, topic, partition, before)
  ask(address, "DeleteRecords", rdkafka.rd_kafka_DeleteRecords_new(list),
    rdkafka.rd_kafka_DeleteRecords_destroy)
  rdkafka.rd_kafka_topic_partition_list_destroy(list)
end

--- The offsets of a partition's oldest record and of the next to come.
function admin.offsets(address, topic, partition)
  local low, high = ffi.new "int64_t[1]", ffi.new "int64_t[1]"
  local client = connect(address)
  local code = rdkafka.rd_kafka_query_watermark_offsets(client, topic, partition or 0, low, high,
    PATIENCE_MS)
  rdkafka.rd_kafka_destroy(client)
  if code ~= 0 then error(("offsets of %s: code %d"):format(topic, code), 2) end
  return tonumber(low[0]), tonumber(high[0])
end

return admin
