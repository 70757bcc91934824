/* SPDX-License-Identifier: MIT */
/*
 * From an event to the journal: it is framed here, once, whatever the number
 * of clients, and then every worker that sleeps and has a stream of one of the
 * channels is woken.
 */
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "brain/process.h"
#include "brain/publisher.h"
#include "journal/channel.h"
#include "journal/event_id.h"
#include "journal/reader.h"
#include "journal/sse.h"
#include "mailbox/bell.h"

static struct text text_from(struct stentor_text text)
{
    return text_of(text.bytes, text.size);
}

/* No row is free: the oldest history goes, up to the last event of the channel
   that is closed and quiet for longest. */
static bool make_place(struct stentor_brain *brain)
{
    uint64_t position =
        channel_oldest_closed(&brain->journal, &brain->channels);
    if (position == JOURNAL_NONE ||
        (brain->kafka != NULL && !kafka_save(brain->kafka, position + 1)))
        return false;
    journal_forget(&brain->journal, position);
    return true;
}

int stentor_channel(struct stentor_brain *brain, const char *name,
                    uint32_t name_size, const struct stentor_channel *settings)
{
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    struct text wanted = text_of(name, name_size);
    int row = channel_open(&brain->journal, &brain->channels, wanted,
                           settings->replay_count, settings->replay_ms);
    if (row == STENTOR_EFULL && make_place(brain))
        row = channel_open(&brain->journal, &brain->channels, wanted,
                           settings->replay_count, settings->replay_ms);
    if (row >= 0 && brain->kafka != NULL)
        kafka_forget(brain->kafka, (uint32_t)row);
    return row;
}

static bool is_channel(const struct stentor_brain *brain, uint32_t channel)
{
    return brain->in_charge && channel < brain->journal.header->channel_count;
}

int stentor_channel_close(struct stentor_brain *brain, uint32_t channel)
{
    if (!is_channel(brain, channel) ||
        board_channel_streams(&brain->board, channel) > 0)
        return STENTOR_EINVALID;
    channel_close(&brain->journal, &brain->channels, channel);
    return 0;
}

const char *stentor_channel_name(struct stentor_brain *brain, uint32_t channel)
{
    if (!is_channel(brain, channel))
        return NULL;
    const struct journal_channel *row = &brain->journal.channels[channel];
    return row->state == JOURNAL_CHANNEL_OPEN ? row->name : "";
}

uint32_t stentor_clients(struct stentor_brain *brain, uint32_t channel)
{
    return is_channel(brain, channel)
               ? board_channel_streams(&brain->board, channel)
               : 0;
}

static int check_event(const struct stentor_brain *brain,
                       const struct stentor_event *event)
{
    if (!is_channel(brain, event->channel))
        return STENTOR_ENOTFOUND;
    if (event->data.size > brain->plan.limits.event_bytes ||
        event->event.size > JOURNAL_KEY_BYTES_MAX ||
        event->key.size > JOURNAL_KEY_BYTES_MAX)
        return STENTOR_ETOOBIG;
    return sse_check_name(text_from(event->event));
}

/* Wakes who may sleep and has a stream of one of the events' channels. */
static void wake_subscribers(struct stentor_brain *brain,
                             const struct stentor_event *events, uint32_t count)
{
    /* Head is stored; without this fence a worker that is just lying down
       could miss it while we miss its `asleep`. */
    bell_fence();
    for (uint32_t i = 0; i < brain->peer_count; i++) {
        struct peer *peer = &brain->peers[i];
        if (__atomic_load_n(&peer->shown->asleep, __ATOMIC_RELAXED) == 0)
            continue;
        for (uint32_t j = 0; j < count; j++) {
            if (__atomic_load_n(
                    &peer->shown->channel_streams[events[j].channel],
                    __ATOMIC_RELAXED) > 0) {
                peer_ring(peer);
                break;
            }
        }
    }
}

int publisher_publish(struct stentor_brain *brain,
                      const struct stentor_event *events, uint32_t count,
                      char *ids)
{
    struct journal_entry entries[PUBLISH_MAX];
    size_t starts[PUBLISH_MAX];
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    if (count == 0 || count > PUBLISH_MAX)
        return STENTOR_EINVALID;
    struct event_id id = { .epoch = brain->journal.header->epoch,
                           .seq = journal_next_seq(&brain->journal) };
    struct buffer *frame = &brain->frame;
    frame->size = 0;
    for (uint32_t i = 0; i < count; i++, id.seq++) {
        char *text = ids + (size_t)i * STENTOR_ID_BYTES;
        event_id_format(&id, text);
        struct sse_event event = { .id = text_of(text, EVENT_ID_BYTES),
                                   .name = text_from(events[i].event),
                                   .data = text_from(events[i].data),
                                   .retry_ms = events[i].retry_ms };
        starts[i] = frame->size;
        entries[i] = (struct journal_entry){
            .channel = events[i].channel,
            .chunk_head = sse_frame(&event, frame),
            .key = events[i].key.bytes,
            .key_bytes = (uint16_t)events[i].key.size,
        };
        entries[i].frame_bytes = (uint32_t)(frame->size - starts[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        entries[i].frame = frame->bytes + starts[i];
    FAULT_POINT("publish: framed");
    int result = 0;
    if (brain->kafka != NULL)
        result = kafka_before_append(brain->kafka, entries, count);
    if (result != 0)
        return result;
    result = journal_append(&brain->journal, entries, count,
                            (uint64_t)stentor_now_ms());
    FAULT_POINT("publish: appended");
    if (result == 0)
        wake_subscribers(brain, events, count);
    FAULT_POINT("publish: woken");
    return result;
}

int stentor_publish(struct stentor_brain *brain,
                    const struct stentor_event *events, uint32_t count,
                    char *ids)
{
    for (uint32_t i = 0; i < count && brain->in_charge; i++) {
        int result = check_event(brain, &events[i]);
        if (result != 0)
            return result;
    }
    return publisher_publish(brain, events, count, ids);
}

int stentor_recent(struct stentor_brain *brain, uint32_t channel,
                   uint32_t count, struct stentor_record *records)
{
    if (!is_channel(brain, channel))
        return STENTOR_ENOTFOUND;
    const struct journal *journal = &brain->journal;
    uint64_t at = journal->channels[channel].newest;
    uint32_t found = 0;
    /* We are the writer: what the tail has not passed cannot change under us. */
    while (found < count && at != JOURNAL_NONE && at >= journal_tail(journal)) {
        const struct journal_record *record =
            (const void *)(journal->ring + at % journal->ring_bytes);
        struct stentor_record *out = &records[found++];
        const char *frame = journal_frame(record) + record->chunk_head;
        out->time_ms = record->time_ms;
        /* Without the chunk's head, and its CRLF at the end. */
        out->frame =
            (struct stentor_text){ frame, record->frame_bytes -
                                              record->chunk_head - 2u };
        out->key =
            (struct stentor_text){ journal_frame(record) + record->frame_bytes,
                                   record->key_bytes };
        struct event_id id = { .epoch = journal->header->epoch,
                               .seq = record->seq };
        event_id_format(&id, out->id);
        at = record->previous;
    }
    return (int)found;
}
