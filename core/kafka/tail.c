/* SPDX-License-Identifier: MIT */
#include "kafka/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/message.h"

enum { TAIL_MAGIC = 0x4c494154 };

static void add_seq(struct tail *tail, uint64_t seq)
{
    if (tail->seq_count == tail->seq_capacity) {
        tail->seq_capacity =
            tail->seq_capacity > 0 ? tail->seq_capacity * 2 : 1024;
        tail->seqs =
            xrealloc(tail->seqs, tail->seq_capacity * sizeof *tail->seqs);
    }
    tail->seqs[tail->seq_count++] = seq;
}

static int compare_seqs(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void finish(struct tail *tail)
{
    if (tail->seq_count > 0)
        qsort(tail->seqs, tail->seq_count, sizeof *tail->seqs, compare_seqs);
    tail->finished = true;
    tail->on_done(tail);
}

static void fail(struct tail *tail, const char *why)
{
    if (tail->finished)
        return;
    log_warn("kafka: cannot read the end of topic %s: %s", tail->topic, why);
    tail->broken = true;
    tail->finished = true;
    tail->on_done(tail);
}

static void take_message(struct tail *tail, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    tail->read++;
    if (rd_kafka_message_headers(message, &headers) != 0 ||
        rd_kafka_header_get_last(headers, "id", &value, &size) != 0)
        return;
    uint64_t seq = message_seq(tail->epoch, text_of(value, size));
    if (seq > 0 && seq >= tail->seq_min)
        add_seq(tail, seq);
}

static void take_end(struct tail *tail, int32_t number)
{
    int64_t low, high;
    CHECK((uint32_t)number < tail->partition_count);
    struct tail_partition *partition = &tail->partitions[number];
    /* Known from the answer that had nothing more: this does not block. */
    if (partition->done || tail->finished ||
        rd_kafka_get_watermark_offsets(tail->client.rk, tail->topic, number,
                                       &low, &high) != 0)
        return;
    partition->end = high;
    partition->done = true;
    if (--tail->left == 0)
        finish(tail);
}

/* Of one partition: its end, or that it is gone, may not be read … */
static void take_error(struct tail *tail, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *partition =
        rd_kafka_event_topic_partition(event);
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        take_end(tail, partition->partition);
    else
        fail(tail, rd_kafka_event_error_string(event));
    rd_kafka_topic_partition_destroy(partition);
}

static bool on_event(struct kafka_client *client, rd_kafka_event_t *event)
{
    struct tail *tail = CHECK_CAST(struct tail, client->owner, TAIL_MAGIC);
    const rd_kafka_message_t *message;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
        take_error(tail, event);
    else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
        while ((message = rd_kafka_event_message_next(event)) != NULL)
            take_message(tail, message);
    return false;
}

static void on_error(struct kafka_client *client, rd_kafka_resp_err_t code,
                     const char *text, bool fatal)
{
    (void)code;
    if (fatal)
        fail(CHECK_CAST(struct tail, client->owner, TAIL_MAGIC), text);
}

static void on_closed(struct kafka_client *client)
{
    struct tail *tail = CHECK_CAST(struct tail, client->owner, TAIL_MAGIC);
    free(tail->topic);
    free(tail->partitions);
    free(tail->seqs);
    free(tail);
}

static void assign(struct tail *tail)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)tail->partition_count);
    for (uint32_t i = 0; i < tail->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, tail->topic, (int32_t)i)
            ->offset = tail->partitions[i].from;
    rd_kafka_assign(tail->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

struct tail *tail_open(uv_loop_t *loop, const char *brokers,
                       struct kafka_pairs given, const char *topic,
                       uint64_t epoch, uint64_t seq_min, const int64_t *from,
                       uint32_t partition_count,
                       void (*on_done)(struct tail *tail), void *owner,
                       char *error)
{
    static const struct kafka_client_events events = { .on_event = on_event,
                                                       .on_error = on_error,
                                                       .on_closed = on_closed };
    /* An offset that is gone: what is there is read from its beginning. */
    static const char own[] = "group.id\0stentor\0fetch.wait.max.ms\0"
                              "10\0auto.offset.reset\0earliest\0";
    CHECK(partition_count > 0);
    struct tail *tail = xcalloc(1, sizeof *tail);
    if (client_open(&tail->client, loop, KAFKA_CONSUMER, "kafka sink's reader",
                    brokers, given, (struct kafka_pairs){ own, sizeof own - 1 },
                    &events, tail, error) != 0) {
        free(tail);
        return NULL;
    }
    tail->magic = TAIL_MAGIC;
    tail->topic = xstrndup(topic, strlen(topic));
    tail->epoch = epoch;
    tail->seq_min = seq_min;
    tail->owner = owner;
    tail->on_done = on_done;
    tail->partition_count = tail->left = partition_count;
    tail->partitions = xcalloc(partition_count, sizeof *tail->partitions);
    for (uint32_t i = 0; i < partition_count; i++)
        tail->partitions[i].from = from[i];
    assign(tail);
    return tail;
}

void tail_close(struct tail *tail)
{
    client_close(&tail->client);
}
