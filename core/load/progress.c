/* SPDX-License-Identifier: MIT */
#include "load/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { PROGRESS_US = 500 * 1000 };

void load_progress_init(struct load_progress *progress, uint64_t now_us)
{
    progress->is_shown = isatty(STDERR_FILENO) != 0;
    progress->shown_us = now_us;
}

void load_progress_show(struct load_progress *progress,
                        const struct load_series *series,
                        const struct load_shared *shared, uint64_t wanted,
                        uint64_t now_us)
{
    static const char *const phases[] = { "connecting", "running", "draining",
                                          "stopping" };
    if (!progress->is_shown || now_us - progress->shown_us < PROGRESS_US ||
        series->count == 0)
        return;
    const struct load_sample *last = &series->rows[series->count - 1];
    fprintf(stderr,
            "\r%4.0f s %s: %.0f of %llu streams, %.0f errors, %.0f "
            "published/s, %.0f deliveries/s",
            last->at_s, phases[shared->phase], last->live,
            (unsigned long long)wanted, last->errors, last->published_per_s,
            last->deliveries_per_s);
    if (last->latency_count > 0)
        fprintf(stderr, ", p99 %.1f ms", last->p99_ms);
    fputs("\033[K", stderr);
    progress->shown_us = now_us;
}

void load_progress_end(const struct load_progress *progress)
{
    if (progress->is_shown)
        fputs("\r\033[K", stderr);
}
