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
#include "base/memory.h"
#include "worker/batch.h"

enum { ROOM_MIN = 256, PORTION_BYTES = 1048576 };

struct entry {
    uint64_t hash; /* 0: free */
    uint64_t seq;
    uint64_t bytes;
};

struct table {
    struct entry *entries;
    uint32_t room; /* a power of two */
    uint32_t count;
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t hash_of(const struct journal_record *record, uint64_t seed)
{
    const char *key = journal_frame(record) + record->frame_bytes;
    size_t left = record->key_bytes;
    uint64_t hash = mix(seed ^ record->channel) ^ mix(seed + left);
    for (; left > 0; key += left < 8 ? left : 8, left -= left < 8 ? left : 8) {
        uint64_t word = 0;
        memcpy(&word, key, left < 8 ? left : 8);
        hash = mix(hash ^ word);
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

static void note(struct table *table, uint64_t hash,
                 const struct journal_record *record, uint64_t bytes)
{
    struct entry *entry = place_of(table, hash);
    table->count += entry->hash == 0;
    *entry = (struct entry){ hash, record->seq, bytes };
    if (table->count > table->room / 2)
        grow(table);
}

static int compare_seqs(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static struct conflation *conclude(const struct table *table, uint64_t limit,
                                   uint64_t seq, uint32_t records)
{
    struct conflation *made =
        xcalloc(1, sizeof *made + table->count * sizeof *made->seqs);
    made->limit = limit;
    made->seq = seq;
    made->left_out = records - table->count;
    for (uint32_t i = 0; i < table->room; i++) {
        if (table->entries[i].hash == 0)
            continue;
        made->seqs[made->count++] = table->entries[i].seq;
        made->bytes += table->entries[i].bytes;
    }
    CHECK(made->count == table->count);
    qsort(made->seqs, made->count, sizeof *made->seqs, compare_seqs);
    return made;
}

struct conflation *conflation_new(const struct conflation_stretch *stretch)
{
    struct table table = { .room = ROOM_MIN };
    struct conflation *made = NULL;
    struct buffer portion;
    uint64_t position = stretch->position, seq = stretch->after_seq;
    uint32_t records = 0;
    table.entries = xcalloc(table.room, sizeof *table.entries);
    buffer_init(&portion);
    while (position < stretch->limit) {
        portion.size = 0;
        if (journal_select(stretch->journal, stretch->wants,
                           stretch->want_count, &position, stretch->limit,
                           PORTION_BYTES, &portion) < 0)
            goto done;
        const struct journal_record *record;
        for (size_t at = 0; at < portion.size; at += record->size) {
            record = (const void *)(portion.bytes + at);
            if (record->seq <= stretch->after_seq)
                continue;
            note(&table, hash_of(record, stretch->seed), record,
                 batch_frame(record, stretch->chunked).size);
            seq = record->seq;
            records++;
        }
    }
    made = conclude(&table, stretch->limit, seq, records);
done:
    buffer_done(&portion);
    free(table.entries);
    return made;
}

bool conflation_keeps(const struct conflation *conflation, uint64_t seq)
{
    return seq > conflation->seq ||
           bsearch(&seq, conflation->seqs, conflation->count,
                   sizeof *conflation->seqs, compare_seqs) != NULL;
}
