/* SPDX-License-Identifier: MIT */
/* The one struct of the supervisor's process: it owns the loop and all parts. */
#ifndef STENTOR_SUPERVISOR_PROCESS_H
#define STENTOR_SUPERVISOR_PROCESS_H

#include <stdint.h>
#include <uv.h>

#include "brain/ffi.h" /* struct stentor_plan */
#include "supervisor/child.h"
#include "supervisor/listening.h"
#include "supervisor/objects.h"
#include "supervisor/watchdog.h"
#include "supervisor/workers.h"

enum { SUPERVISOR_MAGIC = 0x53555053, SUPERVISOR_SIGNALS = 3 };

/* In this order, and never back. */
enum supervisor_phase {
    PHASE_LOADING,        /* the first brain reads the config */
    PHASE_OPENING,        /* all is made; the workers start */
    PHASE_SERVING,        /* whoever dies is started again */
    PHASE_STOPPING_BRAIN, /* first, so that its hooks find streams */
    PHASE_STOPPING_WORKERS,
    PHASE_ENDING /* who is left was killed and is waited for */
};

struct supervisor {
    uint32_t magic;
    enum supervisor_phase phase;
    int exit_code;
    const char *config_path;
    uv_loop_t loop;
    uv_signal_t signals[SUPERVISOR_SIGNALS];
    uv_timer_t patience;      /* with children that were told to stop */
    struct stentor_plan plan; /* in force */
    struct watchdog watchdog; /* over the brain, while serving */
    struct objects objects;
    struct listening listening;
    const struct child_events *child_events; /* the same for all */
    struct child brain;
    struct child broker; /* the embedded Kafka: broker.h */
    char broker_address[CONTROL_ADDRESS_BYTES]; /* "" while it is down */
    struct child workers[CONTROL_WORKERS_MAX];
    struct roster roster[CONTROL_WORKERS_MAX]; /* of each worker (workers.h) */
    uint32_t worker_count;  /* that there ever were; 0 until there is a plan */
    uint32_t worker_wanted; /* the rest is surplus, or has gone */
};

#endif
