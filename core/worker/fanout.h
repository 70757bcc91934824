/* SPDX-License-Identifier: MIT */
/*
 * The fan-out: carries what is new in the journal to all streams of a worker.
 *
 * A pass takes one batch of records (at most FANOUT_BATCH_BYTES), finds the
 * audiences whose channels are in it, and writes each audience's bytes to each
 * of its members in step: one write a client a pass, whatever has gathered.
 * A pass goes in slices of FANOUT_SLICE clients, one a loop turn, so that a
 * broadcast to many never holds up the loop; what is appended meanwhile waits
 * for the next pass. A member whose socket does not take all bytes leaves the
 * step and goes on by itself (stream_own.h).
 *
 * Streams get into step only between two passes. So during one, every stream
 * in step has had all before `position` if its audience is still dirty, and
 * all before `next_position` if it is not (fanout_place).
 */
#ifndef STENTOR_WORKER_FANOUT_H
#define STENTOR_WORKER_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "worker/audience.h"
#include "worker/batch.h"
#include "worker/portion.h"
#include "worker/stream_own.h"
#include "worker/told.h"

enum { FANOUT_BATCH_BYTES = 262144, FANOUT_SLICE = 128 };

struct worker;
struct connection;

struct fanout {
    struct worker *worker;
    struct audiences audiences;
    uint64_t position; /* streams in step have had all before this */
    uint64_t seq;      /* of the last record before it */

    /* The streams that are not in step (struct connection.member). */
    struct list behind;     /* with bytes on their way */
    struct list ready;      /* to be read on for, a few each turn */
    struct list waiting;    /* at the end of the pass, or further: they get into
                            step when the fan-out is there */
    struct portion portion; /* what one of the ready is to get */
    struct buffer bytes;    /* and what is written to it */

    struct told told; /* what the brain is told about streams */

    /* The pass under way. */
    bool passing;
    uint64_t next_position; /* where `position` goes when it ends */
    uint64_t next_seq;
    struct batch batch;
    struct list dirty;          /* audiences still to be served */
    struct audience *serving;   /* the one being served, or NULL */
    struct batch_frames frames; /* its bytes */
    struct list *next_member;   /* who comes next in serving->in_step */
};

void fanout_init(struct fanout *fanout, struct worker *worker);

/* No stream may be left. */
void fanout_done(struct fanout *fanout);

/* Does one slice; returns true while more is to be done. Called each turn. */
bool fanout_turn(struct fanout *fanout);

/* True if there is something to do now: in the journal, or for a stream that
   reads on its own. */
bool fanout_has_news(const struct fanout *fanout);

/* Before the first stream the fan-out does not follow the journal. */
void fanout_attend(struct fanout *fanout);

/* Seq of the last record before fanout_target. */
static inline uint64_t fanout_target_seq(const struct fanout *fanout)
{
    return fanout->passing ? fanout->next_seq : fanout->seq;
}

/* How far a stream on its own reads: to where the fan-out is, or will be. */
static inline uint64_t fanout_target(const struct fanout *fanout)
{
    return fanout->passing ? fanout->next_position : fanout->position;
}

/* audience->sent as it will be once the fan-out is there. */
uint64_t fanout_owed(const struct fanout *fanout,
                     const struct audience *audience);

/* Where the streams in step of `audience` stand, which is not being served. */
void fanout_place(const struct fanout *fanout, const struct audience *audience,
                  uint64_t *position, uint64_t *seq);

/* A member leaves its in-step list: the pass must not trip over it. */
void fanout_forget(struct fanout *fanout, struct connection *connection);

/* A stream ends: it leaves its audience, which may go with it. */
void fanout_leave(struct fanout *fanout, struct audience *audience);

#endif
