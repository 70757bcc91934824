/* SPDX-License-Identifier: MIT */
/*
 * What is left of the events that a slow client missed, when of each key only
 * the latest counts: which records of a stretch of the journal it gets.
 */
#ifndef STENTOR_WORKER_CONFLATION_H
#define STENTOR_WORKER_CONFLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/reader.h"

struct conflation {
    uint64_t limit;    /* position where the stretch ends */
    uint64_t seq;      /* of its last record */
    uint64_t bytes;    /* of the frames that are kept */
    uint32_t left_out; /* records */
    uint32_t count;
    uint64_t seqs[]; /* of those that are kept, ascending */
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

/* Looks through all of the stretch. NULL if it was overwritten meanwhile. The
   caller frees it. */
struct conflation *conflation_new(const struct conflation_stretch *stretch);

/* Whether the client gets the record `seq`; one behind the stretch, it does. */
bool conflation_keeps(const struct conflation *conflation, uint64_t seq);

#endif
