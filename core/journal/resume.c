/* SPDX-License-Identifier: MIT */
/*
 * For each channel a floor is found: the seq from which its records are sent.
 * It starts at the record behind the client's position (or where `since` says)
 * and is raised by whatever is no longer there or may not be replayed. If it
 * was raised past a record, that record is lost: a gap.
 */
#include "journal/resume.h"

#include <stdio.h>

#include "journal/event_id.h"
#include "journal/sse.h"

/* Steps along a channel's chain when `replay` is a time: beyond, the last lost
   event is told as a position, not as the event itself. */
enum { FLOOR_STEPS_MAX = 4096 };

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Raises `*floor` above the record `seq`, which is lost if it was wanted. */
static void raise_above(uint64_t seq, uint64_t *floor, uint64_t *lost)
{
    if (seq < *floor)
        return;
    *floor = seq + 1;
    if (seq > *lost)
        *lost = seq;
}

/* At most the newest `count` records of the channel. */
static void limit_count(const struct journal *journal, uint32_t channel,
                        uint64_t count, uint64_t *floor, uint64_t *lost)
{
    uint64_t at = load(&journal->channels[channel].newest);
    for (uint64_t i = 0; at != JOURNAL_NONE; i++) {
        struct journal_record record;
        if (journal_peek(journal, at, &record) != 0 || record.seq < *floor)
            return;
        if (i == count) {
            raise_above(record.seq, floor, lost);
            return;
        }
        at = record.previous;
    }
}

/* The newest record of the channel with a seq below `below` and not below
   `floor`; 0 if there is none. */
static uint64_t newest_below(const struct journal *journal, uint32_t channel,
                             uint64_t below, uint64_t floor)
{
    uint64_t at = load(&journal->channels[channel].newest);
    for (int i = 0; at != JOURNAL_NONE; i++) {
        struct journal_record record;
        if (i == FLOOR_STEPS_MAX)
            return below - 1;
        if (journal_peek(journal, at, &record) != 0 || record.seq < floor)
            return 0;
        if (record.seq < below)
            return record.seq;
        at = record.previous;
    }
    return 0;
}

/* Only records that are not older than `age_ms`. */
static void limit_age(const struct journal *journal, uint32_t channel,
                      uint64_t age_ms, uint64_t now_ms, uint64_t *floor,
                      uint64_t *lost)
{
    if (age_ms >= now_ms)
        return;
    uint64_t position = journal_find_time(journal, now_ms - age_ms);
    struct journal_record record;
    uint64_t first;
    if (position >= journal_head(journal))
        first = journal_newest_seq(journal) + 1;
    else if (journal_peek(journal, position, &record) == 0)
        first = record.seq;
    else
        return; /* the tail has passed it: lost_seq will tell */
    if (first <= *floor)
        return;
    uint64_t seq = newest_below(journal, channel, first, *floor);
    if (seq > 0)
        raise_above(seq, floor, lost);
}

/* Everything that keeps the records of a channel from `*floor` on from being
   sent. Overwriting is judged last: it goes on meanwhile. */
static void apply_limits(const struct journal *journal, uint32_t channel,
                         uint64_t now_ms, uint64_t *floor, uint64_t *lost)
{
    const struct journal_channel *row = &journal->channels[channel];
    uint32_t count = __atomic_load_n(&row->replay_count, __ATOMIC_RELAXED);
    uint64_t age_ms = __atomic_load_n(&row->replay_ms, __ATOMIC_RELAXED);
    if (age_ms != UINT64_MAX)
        limit_age(journal, channel, age_ms, now_ms, floor, lost);
    if (count != UINT32_MAX)
        limit_count(journal, channel, count, floor, lost);
    raise_above(load(&row->lost_seq), floor, lost);
}

/* Where all floors are known: the position to read from. */
static void begin_at_floors(const struct journal *journal,
                            const struct journal_want *wants, uint32_t count,
                            struct resume *resume)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        if (wants[i].from_seq < first)
            first = wants[i].from_seq;
    resume->seq = first > 0 ? first - 1 : 0;
    resume->position = journal_find(journal, resume->seq);
}

static void begin_now(const struct journal *journal, struct journal_want *wants,
                      uint32_t count, struct resume *resume)
{
    /* In this order: a seq that is older than the position repeats nothing,
       one that is newer would skip. */
    resume->seq = journal_newest_seq(journal);
    resume->position = journal_head(journal);
    for (uint32_t i = 0; i < count; i++)
        wants[i].from_seq = resume->seq + 1;
}

void resume_since(const struct journal *journal, struct journal_want *wants,
                  uint32_t count, enum resume_since since, double value,
                  uint64_t now_ms, struct resume *resume)
{
    *resume = (struct resume){ .gap = RESUME_NO_GAP };
    if (since == RESUME_NOW) {
        begin_now(journal, wants, count, resume);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t floor = 1, lost = 0;
        if (since == RESUME_COUNT)
            limit_count(journal, wants[i].channel, (uint64_t)value, &floor,
                        &lost);
        else if (since == RESUME_TIME)
            limit_age(journal, wants[i].channel, (uint64_t)value, now_ms,
                      &floor, &lost);
        apply_limits(journal, wants[i].channel, now_ms, &floor, &lost);
        wants[i].from_seq = floor;
    }
    begin_at_floors(journal, wants, count, resume);
}

void resume_id(const struct journal *journal, struct journal_want *wants,
               uint32_t count, struct text id, enum resume_since since,
               double value, uint64_t now_ms, struct resume *resume)
{
    struct event_id position;
    bool ours = event_id_parse(id, &position) && position.source == 0;
    if (ours && position.epoch == journal->header->epoch &&
        position.seq > journal_newest_seq(journal))
        ours = false;
    if (!ours) {
        resume_since(journal, wants, count, since, value, now_ms, resume);
        resume->gap = RESUME_UNKNOWN;
        resume->to_seq = resume->seq;
        return;
    }
    if (position.epoch != journal->header->epoch) {
        resume_since(journal, wants, count, RESUME_ALL, 0, now_ms, resume);
        resume->gap = RESUME_RESTARTED;
        resume->to_seq = resume->seq;
        return;
    }
    uint64_t lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t floor = position.seq + 1;
        apply_limits(journal, wants[i].channel, now_ms, &floor, &lost);
        wants[i].from_seq = floor;
    }
    *resume = (struct resume){ .gap = RESUME_NO_GAP };
    begin_at_floors(journal, wants, count, resume);
    if (lost > 0) {
        resume->gap = RESUME_EXPIRED;
        resume->from_seq = position.seq;
        resume->to_seq = lost;
    }
}

void resume_overrun(const struct journal *journal,
                    const struct journal_want *wants, uint32_t count,
                    uint64_t seq, struct resume *resume)
{
    struct journal_record record;
    *resume = (struct resume){ .gap = RESUME_NO_GAP, .seq = seq };
    do {
        resume->position = journal_tail(journal);
    } while (journal_peek(journal, resume->position, &record) != 0);
    /* Lost_seq is stored before the tail: whatever lies before this tail is in
       it. */
    if (record.seq > seq)
        resume->seq = record.seq - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t lost = load(&journal->channels[wants[i].channel].lost_seq);
        if (lost > seq && lost >= wants[i].from_seq && lost > resume->to_seq) {
            resume->gap = RESUME_LAGGED;
            resume->from_seq = seq;
            resume->to_seq = lost;
        }
    }
}

const char *resume_reason(enum resume_gap gap)
{
    switch (gap) {
    case RESUME_EXPIRED:
        return "expired";
    case RESUME_RESTARTED:
        return "restarted";
    case RESUME_LAGGED:
        return "lagged";
    case RESUME_UNKNOWN:
        return "unknown";
    case RESUME_NO_GAP:
        break;
    }
    return NULL;
}

static void id_text(const struct journal *journal, uint64_t seq,
                    char text[EVENT_ID_BYTES + 1])
{
    struct event_id id = { .epoch = journal->header->epoch, .seq = seq };
    event_id_format(&id, text);
}

void resume_frame_gap(const struct journal *journal,
                      const struct resume *resume, bool chunked,
                      struct buffer *to)
{
    char from[EVENT_ID_BYTES + 1], last[EVENT_ID_BYTES + 1];
    char here[EVENT_ID_BYTES + 1], data[192];
    id_text(journal, resume->from_seq, from);
    id_text(journal, resume->to_seq, last);
    id_text(journal, resume->seq, here);
    const char *quote = resume->from_seq > 0 ? "\"" : "";
    int size = snprintf(data, sizeof data,
                        "{\"from\":%s%s%s,\"to\":\"%s\",\"reason\":\"%s\"}",
                        quote, resume->from_seq > 0 ? from : "null", quote,
                        last, resume_reason(resume->gap));
    struct sse_event event = { .id = text_of(here, EVENT_ID_BYTES),
                               .name = text_of_string("gap"),
                               .data = text_of(data, (size_t)size) };
    if (chunked)
        sse_frame(&event, to);
    else
        sse_write(&event, to);
}
