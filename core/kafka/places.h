/* SPDX-License-Identifier: MIT */
/*
 * Where the sources go on: for each source and partition the offset that comes
 * next, in shared memory of the supervisor's, so that a brain that was killed
 * or replaced repeats and leaves out nothing. One writer at a time (the brain
 * in charge).
 *
 * Two ways to move a place. A handler's record moves it alone, after it has
 * run. Records that go into the journal move theirs together with the append:
 * the new places are noted as pending under the seq that the journal will have,
 * and whoever comes after a death sees by the journal whether the append has
 * happened.
 */
#ifndef STENTOR_KAFKA_PLACES_H
#define STENTOR_KAFKA_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum {
    PLACES_ROWS_MAX = 64,    /* sources */
    PLACES_CELLS_MAX = 8192, /* partitions of all of them */
    PLACES_NAME_BYTES = 512  /* NUL included */
};

/* One partition of one source. */
struct place {
    uint32_t row; /* of its source + 1; 0: free */
    int32_t partition;
    int64_t next;    /* offset; -1: not known yet */
    int64_t pending; /* what `next` is to become, or -1 */
};

/* One source. */
struct places_row {
    uint32_t used;        /* 1, once the name is there */
    uint32_t claimed;     /* 1: by a source of this brain */
    uint64_t pending_seq; /* the journal's, once the pending places count; 0:
                             nothing is pending */
    char name[PLACES_NAME_BYTES];
};

struct places_header;

/* One process's view; the memory belongs to the file. */
struct places {
    struct places_header *header;
    struct places_row *rows;
    struct place *cells;
    uint64_t generations; /* of the sources of this process, so far */
};

/* Makes an empty one in `fd`, an empty memfd. */
int places_create(int fd, char *error);

/* Maps it; `fd` may be closed after. */
int places_open(struct places *places, int fd, char *error);
void places_close(struct places *places);

/* A new writer's first act, before anything is appended: makes good what the
   one before left half done. `next_seq` is the journal's. */
void places_settle(struct places *places, uint64_t next_seq);

/* The row under `name`, made if there is none; if all are used, one that no
   source of this brain has claimed gives way. NULL: there is none left. */
struct places_row *places_claim(struct places *places, struct text name);

/* The place of a partition, made if there is none; NULL if there is no room. */
struct place *places_of(struct places *places, const struct places_row *row,
                        int32_t partition);

/* The next place of the row from cell `*at` on, which moves; NULL past the
   last. */
struct place *places_next(struct places *places, const struct places_row *row,
                          uint32_t *at);

/* Forgets all places of a source: its topic is another one. What has touched
   one of them and still waits must be dropped (places_end). */
void places_forget(struct places *places, const struct places_row *row);

/*
 * Together with the journal: `pending` is set in the places concerned, which
 * the caller holds; begin says that it counts if the journal comes to have
 * `seq` as its next (0: it does not count after all); then, after the append,
 * end makes it so, or drops it when nothing was appended.
 */
void places_begin(struct places_row *row, uint64_t seq);
void places_end(struct places_row *row, struct place *const *touched,
                uint32_t count, bool appended);

#endif
