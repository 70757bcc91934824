/* SPDX-License-Identifier: MIT */
/* A worker's listening sockets, which the supervisor has made and keeps. */
#ifndef STENTOR_WORKER_LISTENER_H
#define STENTOR_WORKER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "brain/ffi.h"
#include "worker/wheel.h"

struct worker;

struct listener {
    uint32_t magic;
    int fd;
    struct worker *worker;
    uv_poll_t poll;
};

struct listeners {
    struct listener all[STENTOR_LISTENERS_MAX];
    uint32_t count;
    /* Thresholds of open connections: from the first on newcomers are refused
       in a way that an EventSource survives, at the second nobody is accepted
       any more, at the third accepting goes on. */
    uint32_t connections_max; /* this worker's share of `connections`, and not
                                 more than its descriptors allow */
    uint32_t pause_at;
    uint32_t resume_at;
    bool paused;
    uint64_t warned_at;        /* worker_now of the last warning; 0: none yet */
    struct wheel_member retry; /* paused because accept failed */
};

/* Accepts on `count` listening sockets, as one of `workers`. 0 or a negative uv
   error. */
int listeners_open(struct worker *worker, const int *fds, uint32_t count,
                   uint32_t workers);
void listeners_close(struct worker *worker);

/* A connection has gone, or the retry's time has come: accepting goes on if it
   was paused and there is room. */
void listeners_resume(struct worker *worker);

#endif
