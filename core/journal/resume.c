/* SPDX-License-Identifier: MIT */
/*
 * For each channel a floor is found: the seq from which its records are sent.
 * It starts at the record behind the client's position (or where `since` says)
 * and is raised by whatever may not be replayed or is no longer there. If it
 * was raised past a record, that record is lost: a gap.
 *
 * The ring goes on meanwhile. So the position is found first, and what was
 * overwritten is looked at after: the writer stores lost_seq before tail.
 */
#include "journal/resume.h"

#include <stdio.h>

#include "journal/event_id.h"
#include "journal/sse.h"

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

/* Whether the record's jump can be taken. */
static bool can_jump(const struct journal *journal,
                     const struct journal_record *record)
{
    return record->jump != JOURNAL_NONE &&
           record->jump >= journal_tail(journal);
}

/* At most the newest `count` records of the channel. */
static void limit_count(const struct journal *journal, uint32_t channel,
                        uint64_t count, uint64_t *floor, uint64_t *lost)
{
    uint64_t at = load(&journal->channels[channel].newest);
    struct journal_record record;
    while (at != JOURNAL_NONE && journal_peek(journal, at, &record) == 0 &&
           record.seq >= *floor) {
        if (count == 0) {
            raise_above(record.seq, floor, lost);
            return;
        }
        bool jumps = record.span <= count && can_jump(journal, &record);
        at = jumps ? record.jump : record.previous;
        count -= jumps ? record.span : 1;
    }
}

/* Position of the channel's newest record before `position`, and the record's
   header; JOURNAL_NONE if there is none from `floor` on, or none that is
   held. */
static uint64_t newest_before(const struct journal *journal, uint32_t channel,
                              uint64_t position, uint64_t floor,
                              struct journal_record *record)
{
    uint64_t at = load(&journal->channels[channel].newest);
    while (at != JOURNAL_NONE && journal_peek(journal, at, record) == 0 &&
           record->seq >= floor) {
        if (at < position)
            return at;
        bool jumps = record->jump >= position && can_jump(journal, record);
        at = jumps ? record->jump : record->previous;
    }
    return JOURNAL_NONE;
}

/* Only records that are not older than `age_ms`. */
static void limit_age(const struct journal *journal, uint32_t channel,
                      uint64_t age_ms, uint64_t now_ms, uint64_t *floor,
                      uint64_t *lost)
{
    if (age_ms >= now_ms)
        return;
    struct journal_record record;
    uint64_t position = journal_find_time(journal, now_ms - age_ms);
    if (newest_before(journal, channel, position, *floor, &record) !=
        JOURNAL_NONE)
        raise_above(record.seq, floor, lost);
}

/* What the channel's `replay` does not allow. */
static void limit_replay(const struct journal *journal, uint32_t channel,
                         uint64_t now_ms, uint64_t *floor, uint64_t *lost)
{
    const struct journal_channel *row = &journal->channels[channel];
    uint32_t count = __atomic_load_n(&row->replay_count, __ATOMIC_RELAXED);
    uint64_t age_ms = __atomic_load_n(&row->replay_ms, __ATOMIC_RELAXED);
    if (age_ms != UINT64_MAX)
        limit_age(journal, channel, age_ms, now_ms, floor, lost);
    if (count != UINT32_MAX)
        limit_count(journal, channel, count, floor, lost);
}

/* The seq of the first record that may be wanted. */
static uint64_t first_of(const struct journal *journal,
                         const struct journal_want *wants, uint32_t count)
{
    /* Read before the rows, which are up to date as far as this. */
    uint64_t settled = load(&journal->header->settled_seq);
    uint64_t first = count > 0 ? UINT64_MAX : settled + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = wants[i].from_seq;
        uint64_t newest = load(&journal->channels[wants[i].channel].newest_seq);
        if (newest < from && from <= settled) /* a quiet channel */
            from = settled + 1;
        if (from < first)
            first = from;
    }
    return first;
}

/* The newest overwritten record of the wanted ones above `seq`, or 0. */
static uint64_t newest_lost(const struct journal *journal,
                            const struct journal_want *wants, uint32_t count,
                            uint64_t seq)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t lost = load(&journal->channels[wants[i].channel].lost_seq);
        if (lost > seq && lost >= wants[i].from_seq && lost > newest)
            newest = lost;
    }
    return newest;
}

/* The first record above `seq` that is held becomes the next one, or what is
   appended next. */
static void go_behind(const struct journal *journal, uint64_t seq,
                      struct resume *resume)
{
    for (;;) {
        struct journal_record record;
        resume->seq = seq;
        resume->position = journal_find(journal, seq);
        if (resume->position >= journal_head(journal))
            return;
        if (journal_peek(journal, resume->position, &record) == 0) {
            resume->seq = record.seq - 1;
            return;
        }
    }
}

/* Where all floors are known: the place to read from, and what is lost there,
   which raises `*lost`. Floors end up behind resume->seq. */
static void begin_at_floors(const struct journal *journal,
                            struct journal_want *wants, uint32_t count,
                            struct resume *resume, uint64_t *lost)
{
    uint64_t gone;
    do {
        go_behind(journal, first_of(journal, wants, count) - 1, resume);
        gone = newest_lost(journal, wants, count, 0);
        for (uint32_t i = 0; gone > 0 && i < count; i++)
            raise_above(load(&journal->channels[wants[i].channel].lost_seq),
                        &wants[i].from_seq, lost);
    } while (gone > 0);
    for (uint32_t i = 0; i < count; i++)
        if (wants[i].from_seq <= resume->seq)
            wants[i].from_seq = resume->seq + 1;
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

/* What scripts and clients ask for: any number, or none. */
static uint64_t whole(double value)
{
    if (!(value > 0))
        return 0;
    return value < 1e15 ? (uint64_t)value : UINT64_MAX;
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
    uint64_t lost = 0; /* of no interest to who has had nothing yet */
    for (uint32_t i = 0; i < count; i++) {
        uint64_t floor = 1;
        uint32_t channel = wants[i].channel;
        limit_replay(journal, channel, now_ms, &floor, &lost);
        if (since == RESUME_COUNT)
            limit_count(journal, channel, whole(value), &floor, &lost);
        else if (since == RESUME_TIME)
            limit_age(journal, channel, whole(value), now_ms, &floor, &lost);
        wants[i].from_seq = floor;
    }
    begin_at_floors(journal, wants, count, resume, &lost);
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
        limit_replay(journal, wants[i].channel, now_ms, &floor, &lost);
        wants[i].from_seq = floor;
    }
    *resume = (struct resume){ .gap = RESUME_NO_GAP };
    begin_at_floors(journal, wants, count, resume, &lost);
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
    uint64_t lost = seq;
    *resume = (struct resume){ .gap = RESUME_NO_GAP };
    /* Again while more is lost than lies before the place it goes on from: the
       writer is just about to overwrite it. */
    do {
        go_behind(journal, lost, resume);
        lost = newest_lost(journal, wants, count, seq);
    } while (lost > resume->seq);
    if (lost > 0) {
        resume->gap = RESUME_LAGGED;
        resume->from_seq = seq;
        resume->to_seq = lost;
    }
}

bool resume_skip(const struct journal *journal,
                 const struct journal_want *wants, uint32_t count, uint64_t seq,
                 uint64_t limit, struct resume *resume)
{
    struct journal_record record, newest = { .previous = JOURNAL_NONE };
    uint64_t position = JOURNAL_NONE;
    uint64_t lost = newest_lost(journal, wants, count, seq);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at =
            newest_before(journal, wants[i].channel, limit, seq + 1, &record);
        if (at == JOURNAL_NONE)
            continue;
        uint64_t older = record.seq < newest.seq ? record.seq : newest.seq;
        lost = older > lost ? older : lost;
        if (record.seq > newest.seq) {
            newest = record;
            position = at;
        }
    }
    if (newest.previous != JOURNAL_NONE &&
        journal_peek(journal, newest.previous, &record) == 0 &&
        record.seq > seq && record.seq > lost)
        lost = record.seq;
    if (lost == 0 || lost >= newest.seq)
        return false;
    *resume = (struct resume){ .position = position,
                               .seq = newest.seq - 1,
                               .gap = RESUME_LAGGED,
                               .from_seq = seq,
                               .to_seq = lost };
    return true;
}

bool resume_pass_over(const struct journal *journal,
                      const struct journal_want *wants, uint32_t count,
                      uint64_t seq, uint64_t from, struct resume *resume)
{
    struct journal_record record;
    uint64_t lost = newest_lost(journal, wants, count, seq);
    for (uint32_t i = 0; i < count; i++)
        if (newest_before(journal, wants[i].channel, from, seq + 1, &record) !=
                JOURNAL_NONE &&
            record.seq > lost)
            lost = record.seq;
    if (lost == 0 || journal_peek(journal, from, &record) != 0 ||
        lost >= record.seq)
        return false;
    *resume = (struct resume){ .position = from,
                               .seq = record.seq - 1,
                               .gap = RESUME_LAGGED,
                               .from_seq = seq,
                               .to_seq = lost };
    return true;
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
    case RESUME_REMOVED:
        return "removed";
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
