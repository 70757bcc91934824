/* SPDX-License-Identifier: MIT */
/* Records of a source, copied into buffers of Lua's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "brain/process.h"
#include "brain/sources.h"
#include "kafka/library.h"
#include "kafka/source.h"
#include "mailbox/blame.h"

/* Where a brain has died, records are read one by one for so long: its death
   was blamed on the first record of a batch, and the next one shall be blamed
   on the right one. */
enum { BATCH_CAREFUL = 1024 };

/* --- records at which brains died --- */

static struct blame *blame_of(struct stentor_brain *brain)
{
    return &brain->board.header->brain.blame;
}

static bool is_suspect(const struct blame_record *suspect, const char *source,
                       int64_t offset)
{
    return suspect->deaths > 0 && strcmp(suspect->source, source) == 0 &&
           offset >= (int64_t)suspect->position &&
           offset < (int64_t)suspect->position + BATCH_CAREFUL;
}

/* Whether the record has to be read alone. */
static bool needs_care(const struct brain_source *at, int32_t partition,
                       int64_t offset)
{
    const struct blame *blame = blame_of(at->brain);
    char source[BLAME_SOURCE_BYTES];
    if (blame->suspects[0].deaths == 0)
        return false; /* nearly always */
    snprintf(source, sizeof source, "%s/%" PRId32, at->topic, partition);
    for (int i = 0; i < BLAME_SUSPECTS; i++)
        if (is_suspect(&blame->suspects[i], source, offset))
            return true;
    return false;
}

/* Whether it has killed too often to be tried again. */
static bool is_deadly(const struct brain_source *at, int32_t partition,
                      int64_t offset)
{
    char source[BLAME_SOURCE_BYTES];
    snprintf(source, sizeof source, "%s/%" PRId32, at->topic, partition);
    return blame_deaths(blame_of(at->brain), text_of_string(source),
                        (uint64_t)offset) >= STENTOR_DEATHS_MAX;
}

static void pass_over(struct brain_source *at,
                      struct source_partition *partition, int64_t offset)
{
    log_error("topic \"%s\": the record at offset %" PRId64 " of partition "
              "%" PRId32 " is passed over: %d brains have died at it",
              at->topic, offset, partition->number, STENTOR_DEATHS_MAX);
    blame_pass_over(blame_of(at->brain));
    partition->place->next = offset + 1;
    at->skipped++;
    source_advance(at->source);
}

/* --- copying --- */

static void put(struct stentor_batch *batch, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(batch->bytes + batch->used, bytes, size);
    batch->used += (uint32_t)size;
}

/* Where it begins, and in `told` its size. */
static uint32_t put_part(struct stentor_batch *batch, const void *bytes,
                         size_t size, uint32_t *told)
{
    uint32_t start = batch->used;
    *told = bytes != NULL ? (uint32_t)size : UINT32_MAX;
    if (bytes != NULL)
        put(batch, bytes, size);
    return start;
}

/* What the headers take, and how many there are. */
static size_t headers_size(const rd_kafka_headers_t *headers, uint32_t *count)
{
    size_t bytes = 0, size;
    const char *name;
    const void *value;
    for (*count = 0;
         rd_kafka_header_get_all(headers, *count, &name, &value, &size) == 0;
         (*count)++)
        bytes +=
            strlen(name) + 1 + sizeof(uint32_t) + (value != NULL ? size : 0);
    return bytes;
}

static void put_headers(struct stentor_batch *batch,
                        const rd_kafka_headers_t *headers, uint32_t count)
{
    size_t size;
    const char *name;
    const void *value;
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_header_get_all(headers, i, &name, &value, &size);
        uint32_t told = value != NULL ? (uint32_t)size : UINT32_MAX;
        put(batch, name, strlen(name) + 1);
        put(batch, &told, sizeof told);
        if (value != NULL)
            put(batch, value, size);
    }
}

/* False if it does not fit any more. */
static bool put_record(const struct brain_source *at,
                       struct stentor_batch *batch,
                       const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    uint32_t header_count = 0;
    size_t needed = message->len + message->key_len;
    if (at->headers && rd_kafka_message_headers(message, &headers) == 0)
        needed += headers_size(headers, &header_count);
    if (needed > batch->bytes_max - batch->used) {
        batch->needed = (uint32_t)needed;
        return false;
    }
    struct stentor_topic_record *record = &batch->records[batch->count++];
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    record->offset = message->offset;
    record->time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : time_ms;
    record->key =
        put_part(batch, message->key, message->key_len, &record->key_size);
    record->value =
        put_part(batch, message->payload, message->len, &record->value_size);
    record->headers = batch->used;
    put_headers(batch, headers, header_count);
    record->headers_size = batch->used - record->headers;
    return true;
}

/* --- a batch --- */

/* Whether one more may come: of the same partition, and alone if need be. */
static bool belongs(const struct brain_source *at,
                    const struct stentor_batch *batch,
                    const struct source_partition *partition, int64_t offset,
                    bool *alone)
{
    if (*alone)
        return false;
    if (batch->count > 0 && batch->partition != partition->number)
        return false;
    *alone = needs_care(at, partition->number, offset);
    return batch->count == 0 || !*alone;
}

int stentor_source_read(struct stentor_brain *brain, uint32_t source,
                        struct stentor_batch *batch)
{
    if (source >= brain->sources.count)
        return STENTOR_ENOTFOUND;
    struct brain_source *at = brain->sources.list[source];
    struct source_partition *partition;
    const rd_kafka_message_t *message = NULL;
    bool alone = false;
    batch->count = batch->used = batch->needed = 0;
    while (batch->count < batch->records_max && at->source != NULL &&
           (message = source_peek(at->source, &partition)) != NULL) {
        int64_t offset = message->offset;
        if (!belongs(at, batch, partition, offset, &alone))
            break;
        if (alone && is_deadly(at, partition->number, offset)) {
            pass_over(at, partition, offset);
            alone = false;
            continue;
        }
        if (!put_record(at, batch, message))
            break;
        if (batch->count == 1) {
            batch->source = source;
            batch->generation = source_generation(at->source);
            batch->partition = partition->number;
            batch->next = &partition->place->next;
        }
        source_advance(at->source);
    }
    if (at->source != NULL)
        source_free_passed(at->source);
    if (message == NULL)
        at->readable = false;
    return batch->count == 0 && batch->needed > 0 ? STENTOR_ETOOBIG
                                                  : (int)batch->count;
}

int stentor_source_done(struct stentor_brain *brain,
                        const struct stentor_batch *batch, uint32_t index)
{
    if (batch->source >= brain->sources.count || index >= batch->count)
        return STENTOR_ENOTFOUND;
    const struct source *source = brain->sources.list[batch->source]->source;
    if (source == NULL || source_generation(source) != batch->generation)
        return STENTOR_ENOTFOUND;
    *batch->next = batch->records[index].offset + 1;
    return 0;
}

/* --- the status --- */

int stentor_source_status(struct stentor_brain *brain, uint32_t source,
                          struct stentor_source_status *status,
                          struct stentor_partition_status *partitions,
                          uint32_t max)
{
    if (source >= brain->sources.count ||
        brain->sources.list[source]->source == NULL)
        return STENTOR_ENOTFOUND;
    const struct brain_source *at = brain->sources.list[source];
    const struct source_counters *counters = source_counters(at->source);
    uint32_t count;
    const struct source_partition *list = source_partitions(at->source, &count);
    *status = (struct stentor_source_status){
        .connected = source_is_connected(at->source),
        .partitions = count < max ? count : max,
        .records = counters->records,
        .bytes = counters->bytes,
        .gaps = counters->gaps,
        .lost = counters->lost,
        .skipped = at->skipped,
        .restarts = counters->restarts,
    };
    for (uint32_t i = 0; i < status->partitions; i++)
        partitions[i] = (struct stentor_partition_status){
            .partition = list[i].number,
            .next = list[i].place->next,
            .lag = source_lag(at->source, list[i].number),
        };
    return 0;
}
