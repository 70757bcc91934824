/* SPDX-License-Identifier: MIT */
/*
 * From a topic straight into channels. The places move together with the
 * journal (places.h), so a death in between repeats and leaves out nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "brain/process.h"
#include "brain/publisher.h"
#include "brain/sources.h"
#include "journal/event_id.h"
#include "journal/sse.h"
#include "kafka/library.h"
#include "kafka/source.h"

enum {
    PORTION_BYTES = 262144, /* of one append, in the journal */
    PORTION_PLACES = 64,    /* partitions of one append */
    EVENT_BYTES = 256       /* at most, beside its data, name and key */
};
_Static_assert(PORTION_BYTES <= JOURNAL_RING_BYTES_MIN / 4,
               "a portion is an append, at most a quarter of the ring");

/* Between two lines about records that are left out. */
static const uint64_t skip_log_ns = 10000000000;

/* One append. The records' bytes are librdkafka's until it is done. */
struct portion {
    struct stentor_event events[PUBLISH_MAX];
    uint32_t event_count;
    rd_kafka_event_t *records[PUBLISH_MAX];
    uint32_t record_count;
    struct place *places[PORTION_PLACES];
    uint32_t place_count;
    uint64_t bytes;      /* at most, in the journal */
    uint64_t generation; /* of the source, when it was gathered */
};

/* --- what is lost on the way --- */

/* Clients are told in the stream itself, as of any gap. */
static int publish_gap(struct stentor_brain *brain, uint32_t channel)
{
    const struct journal *journal = &brain->journal;
    char ids[STENTOR_ID_BYTES], from[STENTOR_ID_BYTES] = "";
    char to[STENTOR_ID_BYTES], data[3 * STENTOR_ID_BYTES];
    struct event_id id = { .epoch = journal->header->epoch,
                           .seq = journal->channels[channel].newest_seq };
    const char *quote = id.seq > 0 ? "\"" : "";
    if (id.seq > 0)
        event_id_format(&id, from);
    id.seq = journal_next_seq(journal);
    event_id_format(&id, to);
    int size = snprintf(data, sizeof data,
                        "{\"from\":%s%s%s,\"to\":\"%s\","
                        "\"reason\":\"expired\"}",
                        quote, id.seq > 0 && from[0] != '\0' ? from : "null",
                        quote, to);
    struct stentor_event gap = { .channel = channel,
                                 .event = { "gap", 3 },
                                 .data = { data, (uint32_t)size } };
    return publisher_publish(brain, &gap, 1, ids);
}

/* False if a channel takes nothing now: all are told again, then. */
static bool tell_gap(struct brain_source *at)
{
    for (uint32_t i = 0; i < at->feed_count; i++)
        if (publish_gap(at->brain, at->feeds[i]) != 0)
            return false;
    at->gap = false;
    return true;
}

/* A record that no channel takes, as it is more than `limit`: counted, and now
   and then logged. */
static void skip(struct brain_source *at, const rd_kafka_message_t *message,
                 const char *limit)
{
    uint64_t now = uv_hrtime();
    at->skipped++;
    if (at->skip_told_ns != 0 && now - at->skip_told_ns < skip_log_ns)
        return;
    at->skip_told_ns = now;
    log_warn("topic \"%s\": the record at offset %" PRId64 " of partition "
             "%" PRId32 " is left out: %zu bytes are more than %s "
             "(%" PRIu64 " such so far)",
             at->topic, message->offset, message->partition, message->len,
             limit, at->skipped);
}

/* --- one portion --- */

/* The header "event", as sinks write it, if it is one that an event may have. */
static struct stentor_text event_name(const struct brain_source *at,
                                      const rd_kafka_message_t *message)
{
    struct stentor_text none = { NULL, 0 };
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (!at->headers || rd_kafka_message_headers(message, &headers) != 0 ||
        rd_kafka_header_get_last(headers, "event", &value, &size) != 0 ||
        value == NULL || size > JOURNAL_KEY_BYTES_MAX ||
        sse_check_name(text_of(value, size)) != 0)
        return none;
    return (struct stentor_text){ value, (uint32_t)size };
}

static bool add_place(struct portion *portion, struct place *place,
                      int64_t next)
{
    for (uint32_t i = 0; i < portion->place_count; i++) {
        if (portion->places[i] == place) {
            place->pending = next;
            return true;
        }
    }
    if (portion->place_count == PORTION_PLACES)
        return false;
    portion->places[portion->place_count++] = place;
    place->pending = next;
    return true;
}

static struct stentor_event event_of(const struct brain_source *at,
                                     const rd_kafka_message_t *message)
{
    struct stentor_event event = {
        .event = event_name(at, message),
        .data = { message->payload, (uint32_t)message->len },
    };
    if (message->key_len <= JOURNAL_KEY_BYTES_MAX)
        event.key =
            (struct stentor_text){ message->key, (uint32_t)message->key_len };
    return event;
}

static size_t count_of(struct stentor_text text, char byte)
{
    size_t count = 0;
    if (text.size == 0) /* it may have no bytes at all */
        return 0;
    const char *at = text.bytes, *end = at + text.size;
    while (at < end && (at = memchr(at, byte, (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* What the event takes of the journal at most: each line of its data has a
   field's name before it. */
static uint64_t most_bytes(const struct stentor_event *event)
{
    size_t line_ends =
        count_of(event->data, '\n') + count_of(event->data, '\r');
    return EVENT_BYTES + event->event.size + event->key.size +
           event->data.size + line_ends * strlen("data: ");
}

static void add_events(struct brain_source *at, struct stentor_event event)
{
    struct portion *portion = at->portion;
    for (uint32_t i = 0; i < at->feed_count; i++) {
        event.channel = at->feeds[i];
        portion->events[portion->event_count++] = event;
    }
}

/* False when there is nothing more, or no room. */
static bool add_record(struct brain_source *at)
{
    struct portion *portion = at->portion;
    struct source_partition *partition;
    const rd_kafka_message_t *message = source_peek(at->source, &partition);
    if (message == NULL) {
        at->readable = false;
        return false;
    }
    const struct stentor_brain *brain = at->brain;
    struct stentor_event event = event_of(at, message);
    uint64_t bytes = most_bytes(&event) * at->feed_count;
    if (portion->event_count + at->feed_count > PUBLISH_MAX ||
        portion->record_count == PUBLISH_MAX ||
        (portion->bytes > 0 && portion->bytes + bytes > PORTION_BYTES) ||
        !add_place(portion, partition->place, message->offset + 1))
        return false;
    if (portion->record_count == 0)
        portion->generation = source_generation(at->source);
    portion->records[portion->record_count++] = source_keep(at->source);
    if (message->len > brain->plan.limits.event_bytes) {
        skip(at, message, "limits.event");
    } else if (bytes > brain->journal.ring_bytes / 4) {
        skip(at, message, "a quarter of journal.size takes, as they are sent");
    } else {
        add_events(at, event);
        portion->bytes += bytes;
    }
    return true;
}

static void empty(struct portion *portion)
{
    for (uint32_t i = 0; i < portion->record_count; i++)
        rd_kafka_event_destroy(portion->records[i]);
    portion->event_count = portion->record_count = portion->place_count = 0;
    portion->bytes = 0;
}

static void end_portion(struct brain_source *at)
{
    struct portion *portion = at->portion;
    places_end(source_row(at->source), portion->places, portion->place_count,
               true);
    empty(portion);
}

/* What waits is no more ours: whoever reads it now begins at the same places,
   and fetches it again. */
static void drop_stale(struct brain_source *at)
{
    struct portion *portion = at->portion;
    if (portion->record_count == 0 ||
        portion->generation == source_generation(at->source))
        return;
    places_end(source_row(at->source), portion->places, portion->place_count,
               false);
    empty(portion);
}

/* Stays as it is when a channel takes nothing now. */
static void append(struct brain_source *at)
{
    struct stentor_brain *brain = at->brain;
    struct portion *portion = at->portion;
    char ids[PUBLISH_MAX * STENTOR_ID_BYTES];
    FAULT_POINT("feed: gathered");
    if (portion->event_count > 0) {
        places_begin(source_row(at->source),
                     journal_next_seq(&brain->journal) + portion->event_count);
        FAULT_POINT("feed: announced");
        int code = publisher_publish(brain, portion->events,
                                     portion->event_count, ids);
        at->feed_waits = code != 0;
        FAULT_POINT("feed: appended");
        if (code != 0) {
            places_begin(source_row(at->source), 0); /* not after all */
            return;
        }
    }
    end_portion(at);
    FAULT_POINT("feed: done");
}

void sources_feed_one(struct brain_source *at)
{
    if (at->source == NULL)
        return;
    if (at->portion == NULL)
        at->portion = xcalloc(1, sizeof *at->portion);
    at->feed_waits = false;
    drop_stale(at);
    if (at->portion->record_count > 0) /* it had to wait; it comes before */
        append(at);
    if (!at->feed_waits && at->gap)
        at->feed_waits = !tell_gap(at);
    if (at->feed_waits)
        return;
    while (add_record(at))
        ;
    if (at->portion->record_count > 0)
        append(at);
}

void sources_feed_done(struct brain_source *at)
{
    if (at->portion == NULL)
        return;
    empty(at->portion);
    free(at->portion);
    at->portion = NULL;
}
