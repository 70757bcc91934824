/* SPDX-License-Identifier: MIT */
/*
 * The workers together: how many there are to be, who accepts for whom, and
 * who hands its clients to whom.
 *
 * A listening socket is never closed: that would reset who waits in its queue.
 * So while its worker is dead, full or surplus, a sibling accepts from it too
 * (it covers). A surplus worker hands its clients over to a sibling, one batch
 * at a time, and ends when it has none left.
 */
#ifndef STENTOR_SUPERVISOR_WORKERS_H
#define STENTOR_SUPERVISOR_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

struct child;
struct supervisor;

/* What the supervisor knows of a worker beside its process. Numbers of
   siblings count from 1; 0: none. */
struct roster {
    bool full;           /* has said so */
    bool leaving;        /* was told to hand over */
    uint32_t covered_by; /* accepts for it */
    uint32_t moves_to;   /* leaving: takes its clients */
};

/*
 * From now on there are to be `count` workers. More are started; surplus ones
 * hand their clients over and end, which may take a while; no stream closes.
 * May be called again at any time while we serve. Returns 0, or a negative
 * code with a sentence in `error`, and then nothing has changed.
 */
int workers_resize(struct supervisor *supervisor, uint32_t count, char *error);

/* A worker has said FULL or ROOM. */
void workers_note_full(struct supervisor *supervisor, struct child *worker,
                       bool full);

/* A worker has ended; true if it was to end and is not to be started again. */
bool workers_note_end(struct supervisor *supervisor, struct child *worker);

/* Brings cover and moves into order, after any worker's state has changed. */
void workers_settle(struct supervisor *supervisor);

#endif
