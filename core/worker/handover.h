/* SPDX-License-Identifier: MIT */
/*
 * A surplus worker gives all its clients to a sibling, a batch at a time, and
 * stops when it has none left. What is between two requests or streams can go;
 * a request under way is finished first.
 */
#ifndef STENTOR_WORKER_HANDOVER_H
#define STENTOR_WORKER_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "worker/move_batch.h"
#include "worker/wheel.h"

struct worker;
struct handover_link;

struct handover {
    bool active;
    struct handover_link *link; /* to who takes over; NULL: nobody for now */
    int next_link;              /* the supervisor's newer choice; -1: none */
    bool waiting;               /* `batch` was sent and is not answered */
    struct move_batch batch;
    struct wheel_member retry; /* nothing could go just now */
    uint32_t moved;            /* clients, so far */
};

void handover_init(struct worker *worker);

/* Accepts nobody any more and moves all to who is at the other end of `fd`,
   which it owns from now on. Again: from now on to another. */
void handover_begin(struct worker *worker, int fd);

/* Sends a batch if it is time to; called each turn. */
void handover_turn(struct worker *worker);

/* Stops at once, with whatever is under way. */
void handover_close(struct worker *worker);

#endif
