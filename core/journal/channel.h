/* SPDX-License-Identifier: MIT */
/*
 * The channel table in the journal's memory: it survives the writer. Rows are
 * found by name through a map that the writer keeps for itself.
 */
#ifndef STENTOR_JOURNAL_CHANNEL_H
#define STENTOR_JOURNAL_CHANNEL_H

#include <stdbool.h>

#include "base/text.h"
#include "journal/journal.h"

/* The writer's map from names to rows: open addressing, linear probing. */
struct channel_map {
    uint32_t *rows;   /* row + 1; 0: empty */
    uint32_t mask;    /* slots - 1 */
    uint32_t look_at; /* where the search for a row to reuse goes on */
    uint32_t open;    /* rows that are not given back */
    /* Whether a row that was given back has a stream after all, which had been
       on its way; then it stays. NULL: nobody asks. Set after init. */
    bool (*has_streams)(const void *owner, uint32_t row);
    const void *owner;
};

/* Reads the names out of the table. */
void channel_map_init(struct channel_map *map, const struct journal *journal);
void channel_map_done(struct channel_map *map);

/*
 * The row of channel `name`, made if there is none; its replay limits are set.
 * STENTOR_EFULL when no row is free, STENTOR_EINVALID for an empty name or one
 * of JOURNAL_NAME_BYTES or more.
 */
int channel_open(struct journal *journal, struct channel_map *map,
                 struct text name, uint32_t replay_count, uint64_t replay_ms);

/* Position of the last record of the row that was given back and is quiet for
   longest: once the journal has forgotten it, the row can be had. JOURNAL_NONE
   if there is no such row. */
uint64_t channel_oldest_closed(const struct journal *journal,
                               const struct channel_map *map);

/* Gives the row back once the tail has passed its last record. The name finds
   it again until then. */
void channel_close(struct journal *journal, struct channel_map *map,
                   uint32_t channel);

/* For a reader: whether row `channel` is open, and still of the channel that it
   was of when it had this generation. */
bool channel_is_current(const struct journal *journal, uint32_t channel,
                        uint32_t generation);

#endif
