/* SPDX-License-Identifier: MIT */
#include "load/histogram.h"

uint64_t load_histogram_limit(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t step = bucket - (shift << HISTOGRAM_STEP_BITS);
    return ((step + 1) << shift) - 1;
}

void load_histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t load_histogram_value(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.999999);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t limit = load_histogram_limit(i);
            return limit < histogram->max_us ? limit : histogram->max_us;
        }
    }
    return histogram->max_us;
}
