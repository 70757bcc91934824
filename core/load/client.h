/* SPDX-License-Identifier: MIT */
/* One process of the load test's clients: an epoll loop over its share. */
#ifndef STENTOR_LOAD_CLIENT_H
#define STENTOR_LOAD_CLIENT_H

#include <stddef.h>

#include "load/options.h"
#include "load/tally.h"
#include "load/target.h"

/* What a child of the test needs to know; all of it outlives the call. */
struct load_job {
    const struct load_options *options;
    const struct load_target *target; /* the stream, or where to publish */
    struct load_shared *shared;
    const char *run; /* the tag of this run's payloads */
    size_t process;  /* clients: which of them */
};

/* Opens this process's connections, reads until the phase is LOAD_STOPPED,
   and leaves the figures in its tally. */
void load_client_run(const struct load_job *job);

#endif
