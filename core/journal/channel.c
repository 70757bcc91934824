/* SPDX-License-Identifier: MIT */
#include "journal/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

/* FNV-1a: names come from the config and from whoever may open channels by a
   limit, so the map is bounded whatever they are. */
static uint32_t hash_of(struct text name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ (unsigned char)name.bytes[i]) * 16777619u;
    return hash;
}

static struct text name_of(const struct journal_channel *channel)
{
    return text_of(channel->name, channel->name_bytes);
}

static void map_add(struct channel_map *map, struct text name, uint32_t row)
{
    uint32_t slot = hash_of(name) & map->mask;
    while (map->rows[slot] != 0)
        slot = (slot + 1) & map->mask;
    map->rows[slot] = row + 1;
}

void channel_map_init(struct channel_map *map, const struct journal *journal)
{
    uint32_t slots = 64;
    while (slots < journal->header->channels_max * 2)
        slots *= 2;
    map->rows = xcalloc(slots, sizeof *map->rows);
    map->mask = slots - 1;
    map->look_at = 0;
    map->open = 0;
    map->has_streams = NULL;
    map->owner = NULL;
    for (uint32_t row = 0; row < journal->header->channel_count; row++) {
        uint32_t state = journal->channels[row].state;
        if (state != JOURNAL_CHANNEL_FREE)
            map_add(map, name_of(&journal->channels[row]), row);
        map->open += state == JOURNAL_CHANNEL_OPEN;
    }
}

void channel_map_done(struct channel_map *map)
{
    free(map->rows);
    map->rows = NULL;
}

/* The row with this name, or -1. */
static int64_t map_find(const struct channel_map *map,
                        const struct journal *journal, struct text name)
{
    uint32_t slot = hash_of(name) & map->mask;
    for (; map->rows[slot] != 0; slot = (slot + 1) & map->mask) {
        uint32_t row = map->rows[slot] - 1;
        struct text other = name_of(&journal->channels[row]);
        if (other.size == name.size &&
            memcmp(other.bytes, name.bytes, name.size) == 0)
            return row;
    }
    return -1;
}

/* Takes the row's name out; those behind it move up, so that no search stops
   too early. */
static void map_remove(struct channel_map *map, const struct journal *journal,
                       uint32_t row)
{
    uint32_t hole = hash_of(name_of(&journal->channels[row])) & map->mask;
    while (map->rows[hole] != row + 1) {
        if (map->rows[hole] == 0)
            return; /* a row that never got its name */
        hole = (hole + 1) & map->mask;
    }
    uint32_t slot = hole;
    for (;;) {
        slot = (slot + 1) & map->mask;
        if (map->rows[slot] == 0)
            break;
        uint32_t home =
            hash_of(name_of(&journal->channels[map->rows[slot] - 1]));
        if (((slot - home) & map->mask) < ((slot - hole) & map->mask))
            continue; /* it would come to stand before its home */
        map->rows[hole] = map->rows[slot];
        hole = slot;
    }
    map->rows[hole] = 0;
}

static bool is_wanted(const struct channel_map *map, uint32_t row)
{
    return map->has_streams != NULL && map->has_streams(map->owner, row);
}

/* A closed row whose last record is overwritten, or -1. */
static int64_t spent_row(const struct journal *journal, struct channel_map *map)
{
    const struct journal_header *header = journal->header;
    uint32_t count = header->channel_count;
    /* A stream shows itself, and then looks whether its row is still open: of
       the two of us one sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = (map->look_at + i) % count;
        const struct journal_channel *channel = &journal->channels[row];
        if (channel->state != JOURNAL_CHANNEL_OPEN &&
            (channel->newest == JOURNAL_NONE ||
             channel->newest < header->tail) &&
            !is_wanted(map, row)) {
            map->look_at = row + 1;
            return row;
        }
    }
    return -1;
}

static void take_row(struct journal *journal, uint32_t row, struct text name)
{
    struct journal_header *header = journal->header;
    struct journal_channel *channel = &journal->channels[row];
    if (channel->newest_seq > header->forgotten_seq)
        __atomic_store_n(&header->forgotten_seq, channel->newest_seq,
                         __ATOMIC_RELEASE);
    /* Free while it changes: a writer that dies here leaves no half name. */
    __atomic_store_n(&channel->state, JOURNAL_CHANNEL_FREE, __ATOMIC_RELEASE);
    __atomic_store_n(&channel->generation, channel->generation + 1,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&channel->newest, JOURNAL_NONE, __ATOMIC_RELEASE);
    __atomic_store_n(&channel->newest_seq, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&channel->lost_seq, header->forgotten_seq,
                     __ATOMIC_RELEASE);
    memcpy(channel->name, name.bytes, name.size);
    channel->name[name.size] = '\0';
    channel->name_bytes = (uint32_t)name.size;
}

/* A row for a name that has none: a new one, or a spent one; or -1. */
static int64_t new_row(struct journal *journal, struct channel_map *map,
                       struct text name)
{
    struct journal_header *header = journal->header;
    int64_t row = header->channel_count;
    if (row < header->channels_max) {
        take_row(journal, (uint32_t)row, name);
        __atomic_store_n(&header->channel_count, (uint32_t)row + 1,
                         __ATOMIC_RELEASE);
    } else {
        row = spent_row(journal, map);
        if (row < 0)
            return -1;
        map_remove(map, journal, (uint32_t)row);
        take_row(journal, (uint32_t)row, name);
    }
    map_add(map, name, (uint32_t)row);
    return row;
}

int channel_open(struct journal *journal, struct channel_map *map,
                 struct text name, uint32_t replay_count, uint64_t replay_ms)
{
    CHECK(journal->writable);
    if (name.size == 0 || name.size >= JOURNAL_NAME_BYTES)
        return STENTOR_EINVALID;
    int64_t row = map_find(map, journal, name);
    if (row < 0)
        row = new_row(journal, map, name);
    if (row < 0)
        return STENTOR_EFULL;
    struct journal_channel *channel = &journal->channels[row];
    __atomic_store_n(&channel->replay_count, replay_count, __ATOMIC_RELAXED);
    __atomic_store_n(&channel->replay_ms, replay_ms, __ATOMIC_RELAXED);
    map->open += channel->state != JOURNAL_CHANNEL_OPEN;
    __atomic_store_n(&channel->state, JOURNAL_CHANNEL_OPEN, __ATOMIC_RELEASE);
    return (int)row;
}

uint64_t channel_oldest_closed(const struct journal *journal,
                               const struct channel_map *map)
{
    const struct journal_header *header = journal->header;
    uint64_t oldest = JOURNAL_NONE;
    for (uint32_t row = 0; row < header->channel_count; row++) {
        const struct journal_channel *channel = &journal->channels[row];
        if (channel->state == JOURNAL_CHANNEL_CLOSED &&
            channel->newest >= header->tail && channel->newest < oldest &&
            !is_wanted(map, row))
            oldest = channel->newest;
    }
    return oldest;
}

void channel_close(struct journal *journal, struct channel_map *map,
                   uint32_t channel)
{
    CHECK(journal->writable && channel < journal->header->channel_count);
    uint32_t *state = &journal->channels[channel].state;
    map->open -= *state == JOURNAL_CHANNEL_OPEN;
    __atomic_store_n(state, JOURNAL_CHANNEL_CLOSED, __ATOMIC_RELEASE);
}

bool channel_is_current(const struct journal *journal, uint32_t channel,
                        uint32_t generation)
{
    const struct journal_channel *row = &journal->channels[channel];
    return __atomic_load_n(&row->generation, __ATOMIC_ACQUIRE) == generation &&
           __atomic_load_n(&row->state, __ATOMIC_ACQUIRE) ==
               JOURNAL_CHANNEL_OPEN;
}
