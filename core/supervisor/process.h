/* SPDX-License-Identifier: MIT */
/* The one struct of the supervisor's process: it owns the loop and all parts. */
#ifndef STENTOR_SUPERVISOR_PROCESS_H
#define STENTOR_SUPERVISOR_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "brain/ffi.h" /* struct stentor_plan */
#include "supervisor/child.h"
#include "supervisor/command.h"
#include "supervisor/listening.h"
#include "supervisor/objects.h"
#include "supervisor/reload.h"
#include "supervisor/watchdog.h"
#include "supervisor/workers.h"

enum { SUPERVISOR_MAGIC = 0x53555053, SUPERVISOR_SIGNALS = 3 };

/* In this order, and never back. */
enum supervisor_phase {
    PHASE_LOADING,        /* the first brain reads the config */
    PHASE_OPENING,        /* all is made; the workers start, then the brain */
    PHASE_SERVING,        /* whoever dies is started again */
    PHASE_STOPPING_BRAIN, /* its hooks run first: they find streams */
    PHASE_DRAINING,       /* the workers send their clients away */
    PHASE_STOPPING_WORKERS,
    PHASE_STOPPING_REST, /* the brain, which has answered until then */
    PHASE_ENDING         /* who is left was killed and is waited for */
};

struct supervisor {
    uint32_t magic;
    enum supervisor_phase phase;
    int exit_code;
    const char *config_path;
    uv_loop_t loop;
    uv_signal_t signals[SUPERVISOR_SIGNALS];
    uv_timer_t patience; /* with children that were told to stop */
    bool has_terminal;
    bool drained; /* serving, but for streams: `stentor drain` */
    uint64_t started_ms;
    uint64_t stop_by_ms;      /* stopping: when all clients must have gone */
    struct stentor_plan plan; /* in force */
    struct watchdog watchdog; /* over the brain, while serving */
    struct objects objects;
    struct listening listening;
    const struct child_events *child_events; /* the same for all */
    struct child brains[2];
    struct child *brain;  /* in charge, or about to be; one of the two */
    struct child *writer; /* has the writer's role; NULL: nobody */
    struct reload reload;
    struct commands commands;
    struct child broker; /* the embedded Kafka: broker.h */
    char broker_address[CONTROL_ADDRESS_BYTES]; /* "" while it is down */
    struct child workers[CONTROL_WORKERS_MAX];
    struct roster roster[CONTROL_WORKERS_MAX]; /* of each worker (workers.h) */
    uint32_t worker_count;  /* that there ever were; 0 until there is a plan */
    uint32_t worker_wanted; /* the rest is surplus, or has gone */
};

#endif
