/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of microseconds, in the manner of HdrHistogram: 64
 * equal steps for each power of two, so a value read back is at most 1.6 % too
 * high. It is plain memory without pointers: it may lie in memory shared
 * between processes, and two of them are added bucket by bucket.
 */
#ifndef STENTOR_LOAD_HISTOGRAM_H
#define STENTOR_LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_VALUE_BITS = 36, /* 19 hours; longer counts as that */
    HISTOGRAM_BUCKETS =
        (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS
};

struct histogram {
    uint64_t count;
    uint64_t max_us; /* exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t load_histogram_bucket(uint64_t value_us)
{
    if (value_us < HISTOGRAM_STEPS)
        return (uint32_t)value_us;
    if (value_us >> HISTOGRAM_VALUE_BITS != 0)
        return HISTOGRAM_BUCKETS - 1;
    uint32_t shift =
        63 - HISTOGRAM_STEP_BITS - (uint32_t)__builtin_clzll(value_us);
    return (shift << HISTOGRAM_STEP_BITS) + (uint32_t)(value_us >> shift);
}

/* Inline because it runs once per delivery, millions of times a second. */
static inline void load_histogram_add(struct histogram *histogram,
                                      uint64_t value_us)
{
    histogram->count++;
    histogram->buckets[load_histogram_bucket(value_us)]++;
    if (value_us > histogram->max_us)
        histogram->max_us = value_us;
}

void load_histogram_merge(struct histogram *into, const struct histogram *from);

/* The highest value that falls into `bucket`. */
uint64_t load_histogram_limit(uint32_t bucket);

/* The value that `share` (0 to 1) of all values do not exceed; 0 if empty. */
uint64_t load_histogram_value(const struct histogram *histogram, double share);

#endif
