/* SPDX-License-Identifier: MIT */
/* The one struct of a worker process: it owns the loop and all parts. */
#ifndef STENTOR_WORKER_PROCESS_H
#define STENTOR_WORKER_PROCESS_H

#include <uv.h>

#include "base/list.h"
#include "brain/ffi.h" /* struct stentor_plan */
#include "journal/journal.h"
#include "mailbox/board.h"
#include "mailbox/mailbox.h"
#include "supervisor/control.h"
#include "worker/drain.h"
#include "worker/fanout.h"
#include "worker/handover.h"
#include "worker/listener.h"
#include "worker/origin.h"
#include "worker/pending.h"
#include "worker/policy.h"
#include "worker/removal.h"
#include "worker/wheel.h"

enum {
    WORKER_MAGIC = 0x4b4b5257,
    WORKER_READ_BYTES = 65536,
    WORKER_SPARE_REQUESTS = 64
};

struct worker {
    uint32_t magic;
    uv_loop_t loop; /* loop.data is this struct */
    uint32_t number;
    struct stentor_plan plan; /* limits and heartbeat in force */
    struct policies policies; /* how streams are kept */
    struct origins origins;   /* clients behind proxies */
    struct journal journal;   /* read-only */
    struct board board;
    struct board_worker *shown; /* our part of the board */
    struct mailbox mailbox;
    int bell;       /* ours: rung when there is something to read */
    int brain_bell; /* the brain's */
    uv_poll_t bell_poll;
    uv_poll_t control_poll;
    uv_prepare_t before_sleep; /* the sleeper's side of bell.h */
    uv_check_t after_sleep;
    uv_idle_t keep_awake; /* active while there is work left for this turn */
    struct wheel wheel;
    struct listeners listeners;
    struct pending pending;   /* requests that wait for the brain */
    struct fanout fanout;     /* streams */
    struct handover handover; /* of a surplus worker */
    struct list takeovers;    /* from surplus siblings (takeover.c) */
    struct drain drain;
    struct removal removal;
    bool stopping;
    uint64_t random;       /* state of worker_random */
    struct request *spare; /* for the next request; by next_in_bucket */
    uint32_t spare_count;
    struct buffer head; /* of the response being written */
    char date[40];      /* of the Date header, renewed each second */
    int64_t date_second;
    int64_t refused_second;            /* of the log lines about refusals */
    uint32_t refused_lines;            /* written in it */
    uint32_t refused_more;             /* not written in it */
    struct wheel_member refused_timer; /* tells how many they were */
    /* What a read fills; used up before the next one. */
    char read_buffer[WORKER_READ_BYTES];
};

/* Makes the loop turn again without sleeping. */
void worker_keep_awake(struct worker *worker);

/* Closes everything; then the loop ends. */
void worker_stop(struct worker *worker);

/* Milliseconds of the loop's clock. */
uint64_t worker_now(const struct worker *worker);

/* A number below `below`, for jitter; not for secrets. */
uint32_t worker_random(struct worker *worker, uint32_t below);

/* How a stream is kept. */
struct connection;
const struct stentor_policy *worker_policy(const struct connection *stream);

/* A request to read into, and back. */
struct request *worker_take_request(struct worker *worker);
void worker_give_request(struct worker *worker, struct request *request);

#endif
