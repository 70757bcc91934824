/* SPDX-License-Identifier: MIT */
/*
 * The stretch is read once, from old to new, and a hash table says for each key
 * which record was its last. Keys are compared by 64 bits of a seeded hash: who
 * does not know the seed cannot make two of them meet.
 */
#include "worker/conflation.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "worker/batch.h"

enum { ROOM_MIN = 256, LOOK_BYTES = 1048576 };

struct entry {
    uint64_t hash;                   /* 0: free */
    struct conflation_record record; /* bytes_before: its own bytes, for now */
};

struct table {
    struct entry *entries;
    uint32_t room; /* a power of two */
    uint32_t count;
};

static uint64_t hash_of(const struct journal_record *record, uint64_t seed)
{
    const char *key = journal_frame(record) + record->frame_bytes;
    size_t left = record->key_bytes;
    uint64_t hash = hash_mix(seed ^ record->channel) ^ hash_mix(seed + left);
    for (; left > 0; key += left < 8 ? left : 8, left -= left < 8 ? left : 8) {
        uint64_t word = 0;
        memcpy(&word, key, left < 8 ? left : 8);
        hash = hash_mix(hash ^ word);
    }
    return hash != 0 ? hash : 1;
}

static struct entry *place_of(const struct table *table, uint64_t hash)
{
    uint64_t at = hash;
    for (;;) {
        struct entry *entry = &table->entries[at++ & (table->room - 1)];
        if (entry->hash == hash || entry->hash == 0)
            return entry;
    }
}

static void grow(struct table *table)
{
    struct table old = *table;
    table->room = old.room * 2;
    table->entries = xcalloc(table->room, sizeof *table->entries);
    for (uint32_t i = 0; i < old.room; i++)
        if (old.entries[i].hash != 0)
            *place_of(table, old.entries[i].hash) = old.entries[i];
    free(old.entries);
}

/* What was seen of a stretch. */
struct view {
    struct table table;
    struct buffer seqs; /* uint64_t, of all records */
};

static bool is_wanted(const struct conflation_stretch *stretch,
                      const struct journal_record *record)
{
    uint32_t low = 0, high = stretch->want_count;
    if (record->seq <= stretch->after_seq)
        return false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stretch->wants[middle].channel < record->channel)
            low = middle + 1;
        else
            high = middle;
    }
    return low < stretch->want_count &&
           stretch->wants[low].channel == record->channel;
}

static void note(struct view *view, uint64_t hash,
                 const struct conflation_record *record)
{
    struct table *table = &view->table;
    struct entry *entry = place_of(table, hash);
    table->count += entry->hash == 0;
    *entry = (struct entry){ hash, *record };
    if (table->count > table->room / 2)
        grow(table);
    buffer_add(&view->seqs, &record->seq, sizeof record->seq);
}

/* Reads all of it, from old to new; false if it was overtaken. */
static bool look_through(const struct conflation_stretch *stretch,
                         struct view *view)
{
    struct buffer portion;
    uint64_t position = stretch->position;
    bool whole = true;
    buffer_init(&portion);
    while (whole && position < stretch->limit) {
        uint64_t start = position;
        portion.size = 0;
        whole = journal_copy(stretch->journal, &position, stretch->limit,
                             LOOK_BYTES, &portion) > 0;
        const struct journal_record *record;
        for (size_t at = 0; whole && at < portion.size; at += record->size) {
            record = (const void *)(portion.bytes + at);
            if (is_wanted(stretch, record))
                note(view, hash_of(record, stretch->seed),
                     &(struct conflation_record){
                         record->seq, start + at,
                         batch_frame(record, stretch->chunked).size });
        }
    }
    buffer_done(&portion);
    return whole;
}

static int compare_records(const void *left, const void *right)
{
    const struct conflation_record *a = left, *b = right;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static struct conflation *conclude(const struct conflation_stretch *stretch,
                                   struct view *view)
{
    const struct table *table = &view->table;
    struct conflation *made =
        xcalloc(1, sizeof *made + table->count * sizeof *made->records);
    made->users = 1;
    made->after_seq = stretch->after_seq;
    made->limit = stretch->limit;
    made->looked_at = (uint32_t)(view->seqs.size / sizeof *made->seqs);
    made->seqs = (uint64_t *)(void *)view->seqs.bytes;
    buffer_init(&view->seqs); /* they are ours now */
    for (uint32_t i = 0; i < table->room; i++)
        if (table->entries[i].hash != 0)
            made->records[made->count++] = table->entries[i].record;
    CHECK(made->count == table->count);
    qsort(made->records, made->count, sizeof *made->records, compare_records);
    for (uint32_t i = 0; i < made->count; i++) {
        uint64_t bytes = made->records[i].bytes_before;
        made->records[i].bytes_before = made->bytes;
        made->bytes += bytes;
    }
    return made;
}

struct conflation *conflation_new(const struct conflation_stretch *stretch)
{
    struct view view = { .table = { .room = ROOM_MIN } };
    view.table.entries = xcalloc(ROOM_MIN, sizeof *view.table.entries);
    buffer_init(&view.seqs);
    struct conflation *made = NULL;
    if (look_through(stretch, &view))
        made = conclude(stretch, &view);
    buffer_done(&view.seqs);
    free(view.table.entries);
    return made;
}

void conflation_release(struct conflation *conflation)
{
    if (conflation == NULL)
        return;
    CHECK(conflation->users > 0);
    if (--conflation->users > 0)
        return;
    free(conflation->seqs);
    free(conflation);
}

/* The first that is kept behind `seq`. */
static uint32_t first_behind(const struct conflation *of, uint64_t seq)
{
    uint32_t low = 0, high = of->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (of->records[middle].seq <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t conflation_bytes(const struct conflation *conflation, uint64_t seq)
{
    uint32_t first = first_behind(conflation, seq);
    if (first == conflation->count)
        return 0;
    return conflation->bytes - conflation->records[first].bytes_before;
}

uint32_t conflation_left_out(const struct conflation *conflation, uint64_t seq)
{
    uint32_t low = 0, high = conflation->looked_at;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (conflation->seqs[middle] <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return conflation->looked_at - low -
           (conflation->count - first_behind(conflation, seq));
}

uint64_t conflation_next(const struct conflation *conflation, uint64_t seq)
{
    uint32_t first = first_behind(conflation, seq);
    return first < conflation->count ? conflation->records[first].position
                                     : conflation->limit;
}

int conflation_read(const struct conflation *conflation,
                    const struct journal *journal, uint64_t seq, size_t bytes,
                    struct buffer *to, uint64_t *last)
{
    size_t before = to->size;
    *last = seq;
    for (uint32_t i = first_behind(conflation, seq); i < conflation->count;
         i++) {
        struct journal_record record;
        uint64_t position = conflation->records[i].position;
        if (journal_peek(journal, position, &record) != 0)
            return to->size > before ? (int)(to->size - before)
                                     : STENTOR_EOVERRUN;
        if (to->size > before && to->size - before + record.size > bytes)
            break;
        if (journal_copy(journal, &position, position + record.size,
                         record.size, to) <= 0)
            return to->size > before ? (int)(to->size - before)
                                     : STENTOR_EOVERRUN;
        *last = record.seq;
    }
    return (int)(to->size - before);
}
