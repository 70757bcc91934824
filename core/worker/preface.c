/* SPDX-License-Identifier: MIT */
/*
 * The brain gathers the events and answers; until the worker has the answer
 * more may have been published. Of a channel, the newest event that was
 * gathered tells where its records go on: what follows it is new.
 */
#include "worker/preface.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "journal/event_id.h"

/* Takes the next event off `rest`, its blank line included. */
static bool next_event(struct text *rest, struct text *event)
{
    if (rest->size == 0)
        return false;
    const char *end = memmem(rest->bytes, rest->size, "\n\n", 2);
    size_t size = end != NULL ? (size_t)(end - rest->bytes) + 2 : rest->size;
    *event = text_of(rest->bytes, size);
    *rest = text_of(rest->bytes + size, rest->size - size);
    return true;
}

/* The seq of an event of this journal; 0 for one without such an id. */
static uint64_t seq_of(const struct journal *journal, struct text event)
{
    static const char field[] = "id: ";
    const size_t name = sizeof field - 1;
    struct event_id id;
    if (event.size <= name + EVENT_ID_BYTES ||
        memcmp(event.bytes, field, name) != 0 ||
        event.bytes[name + EVENT_ID_BYTES] != '\n')
        return 0;
    if (!event_id_parse(text_of(event.bytes + name, EVENT_ID_BYTES), &id))
        return 0;
    return id.source == 0 && id.epoch == journal->header->epoch ? id.seq : 0;
}

/* Which of `wants` the record `seq` belongs to; `count` if that is not to be
   found any more. */
static uint32_t want_of(const struct journal *journal,
                        const struct journal_want *wants, uint32_t count,
                        uint64_t seq)
{
    if (count == 1)
        return 0;
    struct journal_record record;
    uint64_t position = journal_find(journal, seq - 1);
    if (position >= journal_head(journal) ||
        journal_peek(journal, position, &record) != 0 || record.seq != seq)
        return count;
    for (uint32_t i = 0; i < count; i++)
        if (wants[i].channel == record.channel)
            return i;
    return count;
}

/* The floors have been lowered: so may be the position. */
static void go_back(const struct journal *journal,
                    const struct journal_want *wants, uint32_t count,
                    struct resume *resume)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (wants[i].from_seq < first)
            first = wants[i].from_seq;
    if (first > resume->seq)
        return;
    resume->seq = first - 1;
    resume->position = journal_find(journal, resume->seq);
    if (resume->to_seq > resume->seq)
        resume->to_seq = resume->seq;
}

void preface_fit(const struct journal *journal, struct text preface,
                 struct journal_want *wants, uint32_t count,
                 struct resume *resume, struct buffer *to)
{
    uint64_t *newest = xcalloc(count, sizeof *newest);
    struct text event;
    while (next_event(&preface, &event)) {
        uint64_t seq = seq_of(journal, event);
        uint32_t which = seq > 0 ? want_of(journal, wants, count, seq) : count;
        if (which < count && seq > newest[which])
            newest[which] = seq;
        bool replayed = which < count && seq >= wants[which].from_seq;
        bool had = seq > 0 && seq <= resume->from_seq;
        if (!replayed && !had)
            buffer_add(to, event.bytes, event.size);
    }
    for (uint32_t i = 0; i < count; i++)
        if (newest[i] > 0 && newest[i] + 1 < wants[i].from_seq)
            wants[i].from_seq = newest[i] + 1;
    free(newest);
    go_back(journal, wants, count, resume);
}
