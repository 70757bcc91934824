/* SPDX-License-Identifier: MIT */
/*
 * Reads the histograms of running processes: each bucket is one aligned word,
 * so it is at worst a moment old, and the next sample has what this one missed.
 */
#include "load/series.h"

void load_series_init(struct load_series *series, uint64_t now_us)
{
    *series = (struct load_series){ .began_us = now_us,
                                    .taken_us = now_us,
                                    .interval_us = SERIES_FIRST_INTERVAL_US,
                                    .count = 1 }; /* nothing, at 0 s */
}

static double higher(double a, double b)
{
    return a > b ? a : b;
}

/* Each two samples become one. */
static void thin(struct load_series *series)
{
    for (size_t i = 0; i < series->count / 2; i++) {
        const struct load_sample *a = &series->rows[2 * i];
        struct load_sample both = series->rows[2 * i + 1];
        both.deliveries_per_s =
            (a->deliveries_per_s + both.deliveries_per_s) / 2;
        both.published_per_s = (a->published_per_s + both.published_per_s) / 2;
        both.bytes_per_s = (a->bytes_per_s + both.bytes_per_s) / 2;
        both.latency_count += a->latency_count;
        both.p50_ms = higher(a->p50_ms, both.p50_ms);
        both.p95_ms = higher(a->p95_ms, both.p95_ms);
        both.p99_ms = higher(a->p99_ms, both.p99_ms);
        both.lag_ms = higher(a->lag_ms, both.lag_ms);
        series->rows[i] = both;
    }
    series->count /= 2;
    series->interval_us *= 2;
}

/* Leaves in `fresh` what has come since `seen`, and in `seen` all. */
static void take_fresh(struct histogram *fresh, struct histogram *seen,
                       const struct load_shared *shared, size_t offset)
{
    *fresh = (struct histogram){ .max_us = UINT64_MAX };
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t sum = 0;
        for (size_t p = 0; p < shared->process_count; p++) {
            const char *tally = (const char *)&shared->tallies[p];
            const struct histogram *one = (const void *)(tally + offset);
            sum += one->buckets[i];
        }
        fresh->buckets[i] = sum - seen->buckets[i];
        fresh->count += fresh->buckets[i];
        seen->buckets[i] = sum;
    }
}

static double value_ms(const struct histogram *histogram, double share)
{
    if (histogram->count == 0)
        return 0;
    return (double)load_histogram_value(histogram, share) / 1000;
}

static double rate(uint64_t *before, uint64_t now, uint64_t span_us)
{
    double per_second = (double)(now - *before) * 1e6 / (double)span_us;
    *before = now;
    return per_second;
}

void load_series_take(struct load_series *series,
                      const struct load_shared *shared, uint64_t now_us)
{
    uint64_t span_us = now_us - series->taken_us;
    if (span_us < series->interval_us)
        return;
    if (series->count == SERIES_SAMPLES_MAX)
        thin(series);
    struct load_sample *sample = &series->rows[series->count++];
    *sample = (struct load_sample){
        .at_s = (double)(now_us - series->began_us) / 1e6,
    };
    uint64_t events = 0, bytes = 0;
    for (size_t i = 0; i < shared->process_count; i++) {
        const struct load_tally *tally = &shared->tallies[i];
        sample->live += (double)tally->live;
        for (int kind = 0; kind < LOAD_ERROR_COUNT; kind++)
            sample->errors += (double)tally->errors[kind];
        events += tally->events;
        bytes += tally->bytes;
    }
    struct histogram fresh;
    take_fresh(&fresh, &series->latency, shared,
               offsetof(struct load_tally, latency));
    sample->latency_count = (double)fresh.count;
    sample->p50_ms = value_ms(&fresh, 0.5);
    sample->p95_ms = value_ms(&fresh, 0.95);
    sample->p99_ms = value_ms(&fresh, 0.99);
    take_fresh(&fresh, &series->lag, shared, offsetof(struct load_tally, lag));
    sample->lag_ms = value_ms(&fresh, 0.99);
    sample->deliveries_per_s = rate(&series->events, events, span_us);
    sample->bytes_per_s = rate(&series->bytes, bytes, span_us);
    sample->published_per_s =
        rate(&series->published, shared->published.accepted, span_us);
    series->taken_us = now_us;
}
