/* SPDX-License-Identifier: MIT */
/*
 * A timer wheel: one libuv timer for all deadlines of a worker. A member costs
 * 24 bytes and has one deadline at a time. Deadlines are kept to WHEEL_TICK_MS
 * and never come early.
 */
#ifndef STENTOR_WORKER_WHEEL_H
#define STENTOR_WORKER_WHEEL_H

#include <stdint.h>
#include <uv.h>

#include "base/list.h"

enum { WHEEL_TICK_MS = 100, WHEEL_SLOTS = 256 };

struct wheel_member {
    struct list link;
    uint32_t tick; /* the deadline, in ticks since the wheel began */
};

struct wheel {
    uint32_t magic;
    uint32_t tick; /* now */
    uint32_t members;
    uv_timer_t timer;
    struct list slots[WHEEL_SLOTS];
    void (*on_deadline)(struct wheel *wheel, struct wheel_member *member);
    void *owner;
};

/* `on_deadline` is called once a deadline has passed, the member already
   taken out; it may set it again. */
void wheel_open(struct wheel *wheel, uv_loop_t *loop,
                void (*on_deadline)(struct wheel *, struct wheel_member *),
                void *owner);
void wheel_close(struct wheel *wheel);

/* Calls on_deadline for all that have passed at `now_ms` of the loop's clock.
   The timer does this by itself. */
void wheel_turn(struct wheel *wheel, uint64_t now_ms);

void wheel_member_init(struct wheel_member *member);

/* Sets the member's deadline, in place of the one it may have. */
void wheel_set(struct wheel *wheel, struct wheel_member *member,
               uint64_t delay_ms);

/* Withdraws it; nothing happens if there is none. */
void wheel_clear(struct wheel *wheel, struct wheel_member *member);

#endif
