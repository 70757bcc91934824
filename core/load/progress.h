/* SPDX-License-Identifier: MIT */
/* The line on a terminal that shows how the test goes. */
#ifndef STENTOR_LOAD_PROGRESS_H
#define STENTOR_LOAD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "load/series.h"

struct load_progress {
    bool is_shown; /* standard error is a terminal */
    uint64_t shown_us;
};

void load_progress_init(struct load_progress *progress, uint64_t now_us);

/* Shows the newest sample, now and then; `wanted` streams are to be open. */
void load_progress_show(struct load_progress *progress,
                        const struct load_series *series,
                        const struct load_shared *shared, uint64_t wanted,
                        uint64_t now_us);

/* Wipes the line away. */
void load_progress_end(const struct load_progress *progress);

#endif
