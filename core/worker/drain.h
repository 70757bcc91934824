/* SPDX-License-Identifier: MIT */
/*
 * Sending the clients away: each stream gets a `retry:` of its own, so that
 * they do not come back all at once, and is ended, some every tick, within a
 * window. Who asks for a stream meanwhile is refused in a way that an
 * EventSource survives; ordinary requests are answered.
 */
#ifndef STENTOR_WORKER_DRAIN_H
#define STENTOR_WORKER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/control.h"
#include "worker/wheel.h"

struct worker;

struct drain {
    bool active;        /* streams are ended and refused */
    bool leaves;        /* and this process ends after the last connection */
    uint32_t spread_ms; /* the clients come back within it */
    uint64_t until_ms;  /* worker_now when the last stream shall have ended */
    uint64_t whole_to;  /* position in the journal: what was published before
                           the drain is still for all */
    struct wheel_member timer;
};

void drain_init(struct worker *worker);

/* What the supervisor says: begin, stay drained, or serve again. */
void drain_obey(struct worker *worker, const struct control_drain *message);

/* The next tick: ends its share of the streams. */
void drain_tick(struct worker *worker);

/* When a client that is refused now is to come back. */
uint32_t drain_retry_ms(struct worker *worker);

#endif
