/* SPDX-License-Identifier: MIT */
/*
 * What `stentor status` prints: the processes and what each has gone through,
 * connections and streams, how far back each channel reaches, the last reload,
 * and all counters that count something.
 */
#ifndef STENTOR_SUPERVISOR_STATUS_H
#define STENTOR_SUPERVISOR_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct supervisor;

/*
 * Adds it to `to`, as lines or as one JSON object. `of_brain` is what the brain
 * says of itself in the same form (lua/status.lua); NULL if it does not answer.
 */
void status_compose(struct supervisor *supervisor, bool json,
                    const char *of_brain, struct buffer *to);

/* The same as JSON: status_json.c. */
void status_compose_json(struct supervisor *supervisor, const char *of_brain,
                         struct buffer *to);

/* How far back a channel can be replayed. */
struct status_reach {
    bool whole;      /* nothing that `replay` allows was overwritten */
    uint64_t age_ms; /* else: of the oldest event that is still held */
};

/* Of a channel that has had events. */
struct status_reach status_reach(const struct supervisor *supervisor,
                                 uint32_t channel);

#endif
