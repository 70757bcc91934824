/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a load test share: one block of memory, mapped by the
 * parent before it starts them. Every figure has one writer. The parent reads
 * the figures of running processes only for its progress line, where a stale
 * one does no harm; the final ones it reads after the processes have ended.
 */
#ifndef STENTOR_LOAD_TALLY_H
#define STENTOR_LOAD_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/answer.h"
#include "load/histogram.h"

/* Ways for a connection to fail; the name is the one in the report. */
#define LOAD_ERRORS(X)                                                  \
    X(REFUSED, "refused")                 /* nobody listens */          \
    X(RESET, "reset")                     /* reset by the other side */ \
    X(TIMEOUT, "timeout")                 /* no answer in time */       \
    X(LOCAL, "no_local_port")             /* our side ran out */        \
    X(NETWORK, "network")                 /* any other socket error */  \
    X(NO_ANSWER, "closed_without_answer") /* closed before a head */    \
    X(HEAD, "bad_head")                   /* not an HTTP/1 answer */    \
    X(REDIRECT, "redirect")               /* 3xx, not followed */       \
    X(STATUS, "bad_status")               /* not 200 */                 \
    X(TYPE, "bad_content_type")           /* not text/event-stream */   \
    X(ENCODING, "compressed")             /* asked for or not */        \
    X(BODY, "bad_chunk")                  /* broken chunk framing */    \
    X(CLOSED, "closed_early")             /* ended before we did */     \
    X(NOT_TRIED, "not_tried")             /* time ran out before */

enum load_error {
#define LOAD_ERROR_ENUM(name, text) LOAD_ERROR_##name,
    LOAD_ERRORS(LOAD_ERROR_ENUM)
#undef LOAD_ERROR_ENUM
        LOAD_ERROR_COUNT
};

enum {
    LOAD_LANES_MAX = 256 /* publishes in flight */
};

enum load_phase {
    LOAD_CONNECTING,
    LOAD_RUNNING, /* publishing or, without a publisher, listening */
    LOAD_DRAINING,
    LOAD_STOPPED
};

/* The figures of one process of clients. */
struct load_tally {
    uint64_t opened;
    uint64_t live;
    uint64_t stood; /* were open to the regular end */
    uint64_t reconnects;
    uint64_t reopened;     /* of the opened, by a reconnect */
    uint64_t resumed;      /* of the reconnects, those with an id */
    uint64_t slow;         /* opened ones that read slowly */
    uint64_t slow_dropped; /* of these, ended by the server */
    uint64_t errors[LOAD_ERROR_COUNT];
    uint64_t first_connect_us;
    uint64_t last_open_us;
    uint64_t last_event_us;
    uint64_t events;   /* with data, gap events not counted */
    uint64_t other;    /* those among them that our publisher did not send */
    uint64_t replayed; /* ours, sent before the stream was asked for */
    uint64_t bytes;    /* bodies as they came, chunk framing included */
    uint64_t lost;
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t gaps;
    uint64_t cpu_us; /* set by the parent when the process has ended */
    struct histogram connect;
    struct histogram first_byte;
    struct histogram first_event;
    struct histogram back; /* from the end of a storm to the next event */
    struct histogram latency;
    struct histogram lag;  /* how late this process came to what was ready */
    atomic_bool tried_all; /* every connection is open or has failed */
    atomic_bool drained;   /* every open connection has the last event */
    char answer[LOAD_ANSWER_BYTES]; /* the first that was no event stream */
};

/* The figures of the publisher's process. */
struct load_published {
    uint64_t sent;
    uint64_t accepted;
    uint64_t failed;
    uint64_t started_us;
    uint64_t ended_us;
    uint64_t cpu_us;
    struct histogram late; /* paced: sent so long after its time */
    struct histogram lag;  /* … of that, with a connection free: our own */
    atomic_bool done;
    char answer[LOAD_ANSWER_BYTES]; /* the first that was no 2xx, or why none */
};

struct load_shared {
    _Atomic uint32_t phase;
    _Atomic uint64_t running_us; /* when LOAD_RUNNING began; 0 before */
    _Atomic uint32_t accepted[LOAD_LANES_MAX]; /* newest number by lane */
    struct load_published published;
    size_t process_count;
    struct load_tally tallies[]; /* one per process of clients */
};

/* CLOCK_MONOTONIC, which all processes of a host share. */
uint64_t load_now_us(void);

/* "refused" for LOAD_ERROR_REFUSED. */
const char *load_error_name(enum load_error kind);

/* The error that stands for a socket's errno. */
enum load_error load_error_from_errno(int number);

/* Why an answer is no event stream; LOAD_ERROR_COUNT if it is one. */
enum load_error load_error_from_head(const struct response_head *head);

struct load_shared *load_shared_new(size_t process_count);
void load_shared_free(struct load_shared *shared);

/* Adds the figures of one process to a sum. */
void load_tally_merge(struct load_tally *into, const struct load_tally *from);

#endif
