/* SPDX-License-Identifier: MIT */
/*
 * Notices a brain that hangs: its loop does not turn although its bell is rung.
 * A brain that sleeps is woken for it, now and then; so a handler's endless
 * loop, one in a callback of luv's and a call that blocks are all noticed.
 */
#ifndef STENTOR_SUPERVISOR_WATCHDOG_H
#define STENTOR_SUPERVISOR_WATCHDOG_H

#include <stdint.h>
#include <uv.h>

struct supervisor;

struct watchdog {
    uv_timer_t timer;
    uint32_t turns;    /* of the brain, when last looked at */
    uint64_t still_ms; /* it stands so long */
    uint64_t looked_at_ms;
};

void watchdog_init(struct supervisor *supervisor);

/* Watches the brain with the plan's `brain_timeout`, which may have changed. */
void watchdog_start(struct supervisor *supervisor);
void watchdog_stop(struct supervisor *supervisor);

/* Another brain is in charge: what was seen of the one before is forgotten. */
void watchdog_forget(struct supervisor *supervisor);

void watchdog_close(struct supervisor *supervisor);

#endif
