/* SPDX-License-Identifier: MIT */
/*
 * Every copy follows one rule: load words, acquire fence, load tail again. The
 * writer stores tail and fences before it overwrites, so if tail has not
 * passed what was copied, nothing of it was being overwritten.
 */
#include "journal/reader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

enum {
    CHAIN_STEPS_MAX = 512,  /* of one channel; longer chains are scanned for */
    SCAN_RECORDS_MAX = 8192 /* looked at in one call */
};

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

uint64_t journal_head(const struct journal *journal)
{
    return load(&journal->header->head);
}

uint64_t journal_tail(const struct journal *journal)
{
    return load(&journal->header->tail);
}

static const char *place_of(const struct journal *journal, uint64_t position)
{
    return journal->ring + position % journal->ring_bytes;
}

/* `bytes` is a multiple of 8. */
static void copy_words(void *to, const char *from, size_t bytes)
{
    uint64_t *words = to;
    const uint64_t *source = (const void *)from;
    for (size_t i = 0; i < bytes / 8; i++)
        words[i] = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
}

/* After a copy: true if the record at `position` was still whole. */
static bool still_held(const struct journal *journal, uint64_t position)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&journal->header->tail, __ATOMIC_RELAXED) <=
           position;
}

int journal_peek(const struct journal *journal, uint64_t position,
                 struct journal_record *record)
{
    copy_words(record, place_of(journal, position), sizeof *record);
    if (!still_held(journal, position))
        return STENTOR_EOVERRUN;
    CHECK(record->size >= sizeof *record && record->size % 8 == 0);
    return 0;
}

uint64_t journal_newest_seq(const struct journal *journal)
{
    /* Between head and settled lies what the writer is just appending, or what
       a dead one left; there a record is one ahead of the other. */
    uint64_t position = load(&journal->header->settled);
    uint64_t seq = load(&journal->header->settled_seq);
    uint64_t head = journal_head(journal);
    while (position < head) {
        struct journal_record record;
        if (journal_peek(journal, position, &record) != 0)
            return load(&journal->header->settled_seq);
        if (record.seq > seq)
            seq = record.seq;
        position += record.size;
    }
    return seq;
}

/* Copies the whole record at `position`, whose header is `record`. */
static int add_record(const struct journal *journal, uint64_t position,
                      const struct journal_record *record, struct buffer *to)
{
    char *room = buffer_reserve(to, record->size);
    copy_words(room, place_of(journal, position), record->size);
    if (!still_held(journal, position))
        return STENTOR_EOVERRUN;
    to->size += record->size;
    return 0;
}

int journal_copy(const struct journal *journal, uint64_t *position,
                 uint64_t limit, size_t bytes, struct buffer *to)
{
    CHECK(*position <= limit && to->size % 8 == 0);
    if (*position == limit)
        return 0;
    if (*position < journal_tail(journal))
        return STENTOR_EOVERRUN;
    uint64_t end = *position;
    while (end < limit) {
        struct journal_record record;
        if (journal_peek(journal, end, &record) != 0)
            return STENTOR_EOVERRUN;
        if (end > *position && end + record.size - *position > bytes)
            break;
        end += record.size;
    }
    size_t size = (size_t)(end - *position);
    copy_words(buffer_reserve(to, size), place_of(journal, *position), size);
    if (!still_held(journal, *position))
        return STENTOR_EOVERRUN;
    to->size += size;
    *position = end;
    return (int)size;
}

static const struct journal_want *want_of(const struct journal_want *wants,
                                          uint32_t count, uint32_t channel)
{
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        if (wants[low + half].channel == channel)
            return &wants[low + half];
        if (wants[low + half].channel < channel) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return NULL;
}

/* Overtaken: what was copied before is whole, and worth its way. */
static int added_or_overrun(size_t before, const struct buffer *to)
{
    return to->size > before ? (int)(to->size - before) : STENTOR_EOVERRUN;
}

/* Goes forward from record to record. */
static int scan(const struct journal *journal, const struct journal_want *wants,
                uint32_t count, uint64_t *position, uint64_t limit,
                size_t bytes, struct buffer *to)
{
    size_t before = to->size;
    for (int i = 0; i < SCAN_RECORDS_MAX && *position < limit; i++) {
        struct journal_record record;
        if (journal_peek(journal, *position, &record) != 0)
            return added_or_overrun(before, to);
        const struct journal_want *want = want_of(wants, count, record.channel);
        if (want != NULL && record.seq >= want->from_seq) {
            if (to->size > before && to->size - before + record.size > bytes)
                break;
            if (add_record(journal, *position, &record, to) != 0)
                return added_or_overrun(before, to);
        }
        *position += record.size;
    }
    return (int)(to->size - before);
}

/* The positions of one channel's records in [from, limit), newest first, added
   to `found`; -1 if its chain is too long to walk. */
static int walk_chain(const struct journal *journal,
                      const struct journal_want *want, uint64_t from,
                      uint64_t limit, uint64_t *found)
{
    uint64_t at = load(&journal->channels[want->channel].newest);
    int count = 0;
    for (int steps = 0; at != JOURNAL_NONE && at >= from; steps++) {
        struct journal_record record;
        if (steps == CHAIN_STEPS_MAX)
            return -1;
        if (journal_peek(journal, at, &record) != 0)
            return -1;
        /* The row was given to another channel: the chain starts anew. */
        if (record.channel != want->channel)
            break;
        if (record.seq < want->from_seq)
            break;
        if (at < limit)
            found[count++] = at;
        at = record.previous;
    }
    return count;
}

static int compare_positions(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Copies the records at the `count` positions of `found`, in order. */
static int add_found(const struct journal *journal, const uint64_t *found,
                     size_t count, uint64_t *position, uint64_t limit,
                     size_t bytes, struct buffer *to)
{
    size_t before = to->size;
    for (size_t i = 0; i < count; i++) {
        struct journal_record record;
        *position = found[i];
        if (journal_peek(journal, found[i], &record) != 0)
            return added_or_overrun(before, to);
        if (to->size > before && to->size - before + record.size > bytes)
            return (int)(to->size - before);
        if (add_record(journal, found[i], &record, to) != 0)
            return added_or_overrun(before, to);
    }
    *position = limit;
    return (int)(to->size - before);
}

int journal_select(const struct journal *journal,
                   const struct journal_want *wants, uint32_t count,
                   uint64_t *position, uint64_t limit, size_t bytes,
                   struct buffer *to)
{
    CHECK(*position <= limit && to->size % 8 == 0);
    if (*position == limit)
        return 0;
    if (*position < journal_tail(journal))
        return STENTOR_EOVERRUN;
    /* The chains reach as far as the table is settled; what lies behind is
       found by scanning only. Many short steps back cost more than a short way
       forward. */
    bool walk = limit <= load(&journal->header->settled) && count <= 8 &&
                limit - *position > JOURNAL_MARK_BYTES;
    if (walk) {
        uint64_t found[8 * CHAIN_STEPS_MAX];
        size_t total = 0;
        for (uint32_t i = 0; i < count; i++) {
            int more =
                walk_chain(journal, &wants[i], *position, limit, found + total);
            if (more < 0) {
                walk = false;
                break;
            }
            total += (size_t)more;
        }
        if (walk) {
            qsort(found, total, sizeof *found, compare_positions);
            return add_found(journal, found, total, position, limit, bytes, to);
        }
    }
    return scan(journal, wants, count, position, limit, bytes, to);
}

/* The mark of `block`, or false if the block has none. */
static bool read_mark(const struct journal *journal, uint64_t block,
                      struct journal_mark *mark)
{
    uint64_t count = journal->ring_bytes / JOURNAL_MARK_BYTES;
    const struct journal_mark *place = &journal->marks[block % count];
    mark->position = load(&place->position);
    mark->seq = load(&place->seq);
    mark->time_ms = load(&place->time_ms);
    return mark->position / JOURNAL_MARK_BYTES == block &&
           load(&place->position) == mark->position;
}

/*
 * The last marked position that is surely not behind the wanted record: the
 * walk forward starts there. `below` tells whether a mark lies before it.
 */
static uint64_t start_before(const struct journal *journal, uint64_t head,
                             bool (*below)(const struct journal_mark *,
                                           uint64_t),
                             uint64_t wanted)
{
    uint64_t tail = journal_tail(journal);
    uint64_t low = tail / JOURNAL_MARK_BYTES;
    uint64_t high = head / JOURNAL_MARK_BYTES;
    uint64_t best = tail;
    while (low <= high) {
        uint64_t middle = low + (high - low) / 2;
        /* A record longer than a block leaves blocks without a mark. */
        uint64_t block = middle;
        struct journal_mark mark = { 0 };
        bool found = false;
        while (!found && block >= low) {
            found = read_mark(journal, block, &mark) && mark.position < head &&
                    mark.position >= tail;
            if (found || block == 0)
                break;
            block--;
        }
        if (!found || below(&mark, wanted)) {
            if (found)
                best = mark.position;
            low = middle + 1;
        } else {
            if (block == 0)
                break;
            high = block - 1;
        }
    }
    return best;
}

static bool seq_below(const struct journal_mark *mark, uint64_t seq)
{
    return mark->seq <= seq;
}

static bool time_below(const struct journal_mark *mark, uint64_t time_ms)
{
    return mark->time_ms < time_ms;
}

/* What a search needs to know of a record: two words of it. */
struct glance {
    uint64_t key; /* seq or time */
    uint32_t size;
};

static struct glance glance_at(const char *place, bool by_time)
{
    const uint64_t *words = (const void *)place;
    size_t key = by_time ? offsetof(struct journal_record, time_ms)
                         : offsetof(struct journal_record, seq);
    uint64_t size_and_channel = __atomic_load_n(
        &words[offsetof(struct journal_record, size) / 8], __ATOMIC_RELAXED);
    struct glance glance = { .key = __atomic_load_n(&words[key / 8],
                                                    __ATOMIC_RELAXED) };
    memcpy(&glance.size, &size_and_channel, sizeof glance.size);
    return glance;
}

static uint64_t find(const struct journal *journal, bool by_time,
                     uint64_t wanted)
{
    for (;;) {
        uint64_t head = journal_head(journal);
        uint64_t start = start_before(journal, head,
                                      by_time ? time_below : seq_below, wanted);
        uint64_t position = start;
        bool held = true;
        /* The ring is mapped twice in a row: no need to go back to its start. */
        const char *place = place_of(journal, start);
        while (position < head) {
            struct glance glance =
                glance_at(place + (position - start), by_time);
            held = still_held(journal, position);
            if (!held || (by_time ? glance.key >= wanted : glance.key > wanted))
                break;
            CHECK(glance.size >= sizeof(struct journal_record));
            position += glance.size;
        }
        /* Overrun: the tail has moved on, so the next try starts later. */
        if (held)
            return position;
    }
}

uint64_t journal_find(const struct journal *journal, uint64_t seq)
{
    return find(journal, false, seq);
}

uint64_t journal_find_time(const struct journal *journal, uint64_t time_ms)
{
    return find(journal, true, time_ms);
}
