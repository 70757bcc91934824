/* SPDX-License-Identifier: MIT */
/*
 * How the figures went over the time of the test, for the plots: a bounded
 * number of samples. When they are full, each two become one and the next ones
 * are taken half as often, so a test of a week costs what one of a minute does.
 */
#ifndef STENTOR_LOAD_SERIES_H
#define STENTOR_LOAD_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "load/tally.h"

enum { SERIES_SAMPLES_MAX = 512, SERIES_FIRST_INTERVAL_US = 250 * 1000 };

/* The time before `at_s`, back to the sample before. */
struct load_sample {
    double at_s; /* since the test began */
    double live; /* at its end */
    double errors;
    double deliveries_per_s;
    double published_per_s;
    double bytes_per_s;
    double latency_count;
    double p50_ms, p95_ms, p99_ms; /* latency; 0 if nothing was measured */
    double lag_ms;                 /* p99 of our own */
};

struct load_series {
    uint64_t began_us;
    uint64_t interval_us;
    uint64_t taken_us;
    uint64_t events, bytes, published; /* totals at `taken_us` */
    struct histogram latency, lag;
    size_t count;
    struct load_sample rows[SERIES_SAMPLES_MAX];
};

void load_series_init(struct load_series *series, uint64_t now_us);

/* Takes a sample if one is due. */
void load_series_take(struct load_series *series,
                      const struct load_shared *shared, uint64_t now_us);

#endif
