/* SPDX-License-Identifier: MIT */
/*
 * One client's connection.
 *
 *     ┌────────────── idle ◄─────────────┐
 *     ▼                                  │
 *   reading ──► deciding ──► responding ─┘
 *     │             │          ▲
 *     │             ▼          │
 *     │         streaming      │
 *     └────── refused ─────────┘     and each ──► closing
 *
 * connection_go asserts that only these edges are walked. Parser and buffers
 * exist while a request is read and answered; an idle connection and a stream
 * have given them back. The memory of a stream is what counts here: every
 * field is paid 250,000 times.
 */
#ifndef STENTOR_WORKER_CONNECTION_H
#define STENTOR_WORKER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "mailbox/board.h"
#include "worker/wheel.h"

enum connection_state {
    CONNECTION_IDLE,       /* between requests; also just accepted */
    CONNECTION_READING,    /* a request's head or body */
    CONNECTION_DECIDING,   /* the brain has it */
    CONNECTION_RESPONDING, /* an ordinary response is being written */
    CONNECTION_STREAMING,
    CONNECTION_CLOSING /* uv_close was called; freed in its callback */
};

struct worker;
struct request;
struct audience;
struct stream_own;

enum { CONNECTION_MAGIC = 0x434e4f43 };

struct connection {
    uint32_t magic;
    uint8_t state;        /* enum connection_state */
    bool http_1_0 : 1;    /* bodies end by close, no chunks */
    bool tell : 1;        /* stream: the brain wants to know its end */
    bool was_in_step : 1; /* stream: it had caught up once */
    bool wrote : 1;       /* stream: something since the last heartbeat */
    bool head_only : 1;   /* answers a HEAD */
    bool fresh : 1;       /* no request has come yet: its head's deadline runs
                            since it was accepted */
    bool surplus : 1;     /* over the limit: will be refused */
    bool lingering : 1;   /* responding: all is said, the client may read it */
    bool paused : 1;      /* not read: it has sent too much ahead */
    bool proxied : 1;     /* its peer is a trusted proxy */
    bool crowded : 1;     /* its address has too many: will be refused */
    uint8_t listener;     /* of the plan's, where it was accepted */
    uint16_t heard;       /* stream: bytes that it sent and nobody wants */
    uint16_t policy;      /* stream: how it is kept (policy.h) */
    uint32_t place;       /* where its address counts (crowd.h) */
    struct wheel_member timer; /* its one deadline: what it means, the state
                                  says */
    uint32_t started;          /* stream: wheel tick of its beginning */
    uint32_t behind;           /* number of the client's address, where that is
                                  not the peer's (origin.h); 0: it is */
    union {
        struct request *request;   /* reading, deciding, responding; or NULL */
        struct audience *audience; /* streaming */
    };

    /* --- streaming only --- */
    struct list member; /* of the audience's in-step list, or of one of the
                           fan-out's lists of those that are not in step */
    uint64_t number;    /* the request it was asked with; names the client */
    uint64_t sent;      /* bytes written to this stream; in step: less
                           audience->sent at the time it joined */
    struct stream_own *own; /* not in step: its own position in the journal and
                               the bytes on their way; NULL in step */
    uv_tcp_t tcp;           /* tcp.data is the connection, tcp.loop->data the
                           worker */
};

_Static_assert(sizeof(struct connection) <= 344,
               "an idle client costs one block of 352 bytes");

/* The memory of a connection on the socket `fd`, which it owns from now on; it
   is not read yet. Nothing but a move begins as a stream. */
struct connection *connection_new(struct worker *worker, int fd,
                                  enum connection_state state);

/* A connection on the accepted socket `fd`, which it owns from now on. With
   `surplus` its first request is refused. */
struct connection *connection_open(struct worker *worker, int fd, bool surplus);

/* Walks an edge of the picture above. */
void connection_go(struct connection *connection, enum connection_state state);

/* Ends the connection; its memory goes in the close callback. `reason`
   is counted when it was a stream. */
void connection_close(struct connection *connection, enum board_counter reason);

/* As connection_close, but nobody is to notice: the client goes on through
   another descriptor of its socket. Only between requests and in a stream. */
void connection_let_go(struct connection *connection);

/* A response was written whole: on to the next request, or the end. */
void connection_answered(struct connection *connection);

/* Its deadline has passed; what that means, the state says. */
void connection_deadline(struct connection *connection);

/* The client's address without port, NUL-terminated: what a trusted proxy says
   it is, or the peer's. */
void connection_address(const struct connection *connection, char text[64]);

static inline struct worker *connection_worker(const struct connection *of)
{
    return of->tcp.loop->data;
}

#endif
