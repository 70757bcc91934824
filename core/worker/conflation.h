/* SPDX-License-Identifier: MIT */
/*
 * What is left of the events that slow clients missed, when of each key only
 * the latest counts: which records of a stretch of the journal they get.
 *
 * Whoever stands anywhere in the stretch can use it: the latest of a key in all
 * of it is the latest in what is still ahead, or lies behind. So one is made
 * for an audience, and shared.
 */
#ifndef STENTOR_WORKER_CONFLATION_H
#define STENTOR_WORKER_CONFLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/reader.h"

struct conflation_record {
    uint64_t seq;
    uint64_t position;
    uint64_t bytes_before; /* of the frames of those before it */
};

struct conflation {
    uint32_t users;
    uint32_t count;     /* of `records` */
    uint32_t looked_at; /* of `seqs` */
    uint64_t after_seq; /* the stretch begins behind this seq */
    uint64_t limit;     /* position where it ends */
    uint64_t bytes;     /* of all frames that are kept */
    uint64_t sent;      /* audience->sent at its end; for who made it */
    uint64_t *seqs;     /* of all records in it, ascending */
    struct conflation_record records[]; /* that are kept, ascending */
};

/* A stretch to be looked at: from `position` to `limit`, records of `wants`
   behind `after_seq`. */
struct conflation_stretch {
    const struct journal *journal;
    const struct journal_want *wants;
    uint32_t want_count;
    bool chunked; /* how frames are measured */
    uint64_t after_seq;
    uint64_t position;
    uint64_t limit;
    uint64_t seed; /* secret: keys are known by a hash */
};

/* Looks through all of the stretch, for one user. NULL if it was overwritten
   meanwhile. */
struct conflation *conflation_new(const struct conflation_stretch *stretch);

/* One user less; NULL is nobody's. */
void conflation_release(struct conflation *conflation);

/* For who has had all up to `seq`: bytes of the frames to come, how many
   records it is not shown, and the position of the next (or the limit). */
uint64_t conflation_bytes(const struct conflation *conflation, uint64_t seq);
uint32_t conflation_left_out(const struct conflation *conflation, uint64_t seq);
uint64_t conflation_next(const struct conflation *conflation, uint64_t seq);

/* Adds the kept records behind `seq` to `to`, about `bytes` of them but at least
   one. Returns how many bytes, or STENTOR_EOVERRUN; `*last` becomes the seq of
   the last one. */
int conflation_read(const struct conflation *conflation,
                    const struct journal *journal, uint64_t seq, size_t bytes,
                    struct buffer *to, uint64_t *last);

#endif
