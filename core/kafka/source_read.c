/* SPDX-License-Identifier: MIT */
/* The records of a source, one after the other. */
#include "base/check.h"
#include "kafka/source_own.h"

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
    while (source->event == NULL) {
        if (source->client == NULL || source->closing)
            return NULL;
        source->event = client_next(source->client);
        if (source->event == NULL)
            return NULL;
        source->message = rd_kafka_event_message_next(source->event);
        if (!is_wanted(source))
            source_drop(source);
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
    return event;
}

void source_advance(struct source *source)
{
    rd_kafka_event_destroy(source_keep(source));
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
