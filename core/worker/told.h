/* SPDX-License-Identifier: MIT */
/*
 * What the brain is told about streams: that one has begun, that one has
 * ended. It goes through the mailbox; while that is full it is held here, up
 * to TOLD_BYTES_MAX, and what is more is dropped, counted and logged.
 */
#ifndef STENTOR_WORKER_TOLD_H
#define STENTOR_WORKER_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TOLD_BYTES_MAX = 8388608 };

struct worker;
struct connection;

struct told {
    struct worker *worker;
    struct buffer held; /* struct mail and message, one after the other */
    uint64_t dropped;   /* since the last log line */
    uint64_t last;      /* ordinal of the last one sent in this mailbox */
};

/* How a stream ended. */
struct told_end {
    const char *reason; /* a word */
    uint32_t seconds;
    uint64_t bytes;
    uint64_t last_seq; /* 0: nothing was ever sent whole */
};

void told_init(struct told *told, struct worker *worker);
void told_done(struct told *told);

void told_opened(struct told *told, const struct connection *connection,
                 bool resumed);
void told_closed(struct told *told, const struct connection *connection,
                 const struct told_end *end);

/* The stream has come from another worker, and keeps its number. */
void told_moved(struct told *told, const struct connection *connection);

/* True if the brain has taken all it was told: only then may a stream move, as
   what the next worker tells must come after. */
bool told_is_quiet(const struct told *told);

/* The brain has died: what it was sent and had not taken is for the next one.
   Called before the mailbox is closed. */
void told_rescue(struct told *told, uint64_t taken);

/* Sends what is held, as far as there is room; called each turn. */
void told_flush(struct told *told);

#endif
