/* SPDX-License-Identifier: MIT */
/*
 * How late a load client comes to what is ready: a timer among the sockets of
 * its epoll, ticking at known times. The time from a tick to its turn is what
 * a delivery that arrived at that moment waited in us, not in the server; be
 * it for our own work or for the processor. Ticks that were missed count with
 * the wait that each of them had.
 */
#ifndef STENTOR_LOAD_LAG_H
#define STENTOR_LOAD_LAG_H

#include <stdint.h>

#include "load/histogram.h"

enum { LAG_TICK_US = 10 * 1000 };

struct load_lag {
    int fd;
    uint64_t next_us; /* the tick that has not been seen yet */
};

/* Watched by `epoll`, with the struct itself as data. */
void load_lag_open(struct load_lag *lag, int epoll);
void load_lag_close(struct load_lag *lag);

/* Notes the ticks up to `now_us`, when epoll says that it is ready. */
void load_lag_note(struct load_lag *lag, uint64_t now_us,
                   struct histogram *histogram);

#endif
