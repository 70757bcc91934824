/* SPDX-License-Identifier: MIT */
/*
 * The records of a source, one after the other.
 *
 * A thread of librdkafka's that has found its queue full looks again after up to
 * a second, or when it has something else to do (2.0.2; there is no setting for
 * it before 2.2): whoever has emptied the queue would wait for that, many times
 * over if there is much to read. So we give it something to do.
 */
#include "base/check.h"
#include "kafka/library.h"
#include "kafka/source_own.h"

enum {
    SOURCE_BURST = 1000,   /* a queue that held so many may have been full */
    SOURCE_NUDGE_MS = 1000 /* for the brokers to answer; all is well if not */
};

/* --- the nudge --- */

/* In the thread pool. Any request would do, if it is to the right broker. */
static void nudge(struct kafka_client *client, void *list)
{
    rd_kafka_offsets_for_times(client->rk, list, SOURCE_NUDGE_MS);
}

static void on_nudged(struct kafka_client *client, void *list)
{
    struct source *source = client->owner; /* NULL: it has another client */
    rd_kafka_topic_partition_list_destroy(list);
    if (source != NULL)
        source->nudging = false;
}

static void nudge_fetchers(struct source *source)
{
    bool was_burst = source->burst >= SOURCE_BURST;
    source->burst = 0;
    if (!was_burst || source->nudging)
        return;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)source->partition_count + 1);
    for (uint32_t i = 0; i < source->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, source->settings.topic,
                                          source->partitions[i].number)
            ->offset = RD_KAFKA_OFFSET_END;
    source->nudging = true;
    client_run(source->client, nudge, on_nudged, list);
}

/* --- the records --- */

/* Somebody pulls. */
static void go_on(struct source *source)
{
    source->unpulled = 0;
    if (!source->held)
        return;
    source->held = false;
    source_assign(source);
}

static void forget(struct source *source)
{
    if (source->event != NULL)
        rd_kafka_event_destroy(source->event);
    source->event = NULL;
}

void source_drop(struct source *source)
{
    forget(source);
    source_free_passed(source);
}

/* Whether it is one that is wanted: neither seen before nor of an assignment
   that is no more. */
static bool is_wanted(struct source *source)
{
    const rd_kafka_message_t *message = source->message;
    if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    source->at = source_find(source, message->partition);
    return source->at != NULL && message->offset >= source->at->fetched;
}

const rd_kafka_message_t *source_peek(struct source *source,
                                      struct source_partition **partition)
{
    if (source->client == NULL || source->closing)
        return NULL;
    go_on(source);
    while (source->event == NULL) {
        source->event = client_next(source->client);
        if (source->event == NULL) {
            nudge_fetchers(source);
            return NULL;
        }
        source->message = rd_kafka_event_message_next(source->event);
        if (!is_wanted(source))
            forget(source);
    }
    *partition = source->at;
    return source->message;
}

rd_kafka_event_t *source_keep(struct source *source)
{
    rd_kafka_event_t *event = source->event;
    CHECK(event != NULL);
    source->at->fetched = source->message->offset + 1;
    source->counters.records++;
    source->counters.bytes += source->message->len;
    source->event = NULL;
    source->burst++;
    return event;
}

/*
 * A thread of librdkafka's allocates what we free, so that each free() may have
 * to wait for it. Many in a row, and not one after each record, make that rare:
 * half as many records again were read.
 */
void source_advance(struct source *source)
{
    if (source->passed_count == SOURCE_PASSED_MAX)
        source_free_passed(source);
    source->passed[source->passed_count++] = source_keep(source);
}

void source_free_passed(struct source *source)
{
    for (uint32_t i = 0; i < source->passed_count; i++)
        rd_kafka_event_destroy(source->passed[i]);
    source->passed_count = 0;
}

const struct source_partition *source_partitions(const struct source *source,
                                                 uint32_t *count)
{
    *count = source->partition_count;
    return source->partitions;
}

int64_t source_lag(const struct source *source, int32_t number)
{
    int64_t oldest, end;
    const struct source_partition *partition =
        source_find((struct source *)(uintptr_t)source, number);
    if (partition == NULL || source->client == NULL ||
        rd_kafka_get_watermark_offsets(source->client->rk,
                                       source->settings.topic, number, &oldest,
                                       &end) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        end < 0)
        return -1;
    int64_t lag = end - partition->place->next;
    return lag > 0 ? lag : 0;
}
