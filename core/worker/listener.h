/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets that a worker accepts from: its own, which the
 * supervisor has made and keeps, and those of siblings that cannot accept
 * themselves for now (it covers them).
 *
 * Two things are full at times: the limit `connections` of all workers
 * together, and this process's descriptors. Over either a newcomer is still
 * accepted and refused in a way that an EventSource survives; further over it
 * nobody is accepted. If that is for want of descriptors, the supervisor is
 * told, and a sibling covers us.
 */
#ifndef STENTOR_WORKER_LISTENER_H
#define STENTOR_WORKER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "worker/wheel.h"

struct worker;

struct listener {
    uint32_t magic;
    uint32_t of;     /* number of the worker whose socket it is */
    uint32_t number; /* of the plan's listeners */
    int fd;
    struct worker *worker;
    struct list link;
    uv_poll_t poll;
};

struct listeners {
    struct list all;
    /* Thresholds of this process's connections. */
    uint32_t refuse_at; /* 90 % of the descriptors */
    uint32_t pause_at;  /* 98 % */
    uint32_t resume_at; /* 95 % */
    bool paused;
    bool said_full;     /* what the supervisor was told last */
    int reserve;        /* descriptor to accept with when all are used; or -1 */
    uint64_t warned_at; /* worker_now of the last warning; 0: none yet */
    struct wheel_member retry; /* while paused: looks again */
};

void listeners_init(struct worker *worker);

/* Accepts from `count` sockets of worker `of`, which it owns from now on. 0 or
   a negative uv error. */
int listeners_add(struct worker *worker, uint32_t of, const int *fds,
                  uint32_t count);

/* No longer accepts from those of worker `of`. */
void listeners_drop(struct worker *worker, uint32_t of);

/* Accepts who has come, and then from none any more. */
void listeners_leave(struct worker *worker);

/* Accepts from none any more. */
void listeners_close(struct worker *worker);

/* A connection has gone, or the retry's time has come: accepting goes on if it
   was paused and there is room. */
void listeners_resume(struct worker *worker);

/* True if `more` connections can be had beside those that there are. */
bool listeners_have_room(const struct worker *worker, uint32_t more);

#endif
