/* SPDX-License-Identifier: MIT */
/*
 * One client of the load test: connects, asks for the stream, reads it until
 * the end. A connection that fails is counted, by the reason. If clients are
 * to reconnect it is then away for a while and started again.
 */
#ifndef STENTOR_LOAD_CONNECTION_H
#define STENTOR_LOAD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "load/stream_reader.h"
#include "load/target.h"

enum connection_state {
    CONNECTION_NEW,
    CONNECTION_CONNECTING, /* until the request could be sent */
    CONNECTION_WAITING,    /* for the response head */
    CONNECTION_STREAMING,
    CONNECTION_AWAY, /* comes back at `due_us` */
    CONNECTION_CLOSED
};

/* What all connections of a process have in common. */
struct connection_context {
    const struct load_target *target;
    struct stream_context stream;
    struct buffer request; /* without the empty line at the end */
    struct buffer whole;   /* the request of the one that connects now */
    char *read_buffer;     /* CONNECTION_READ_BYTES, shared by all */
    int epoll;
    uint64_t away_us;      /* 0: nobody reconnects */
    struct list in_flight; /* connecting or waiting, oldest first */
    size_t in_flight_count;
    struct list away; /* in the order of their `due_us` */
    struct list slow; /* streaming slowly, in the order of their `due_us` */
};

enum {
    CONNECTION_READ_BYTES = 128 * 1024,
    CONNECTION_SLOW_US = 1000000,  /* a slow one reads one byte in this time */
    CONNECTION_SLOW_BUFFER = 4096, /* and has little room in the kernel */
};

struct connection {
    uint32_t magic;
    int fd;
    enum connection_state state;
    bool is_slow;     /* set by the owner before the start */
    bool had_event;   /* ever, also in an earlier stream */
    bool is_again;    /* not its first connect */
    bool is_resuming; /* asks to go on where its reader is */
    struct list link; /* in one of the lists of the context */
    uint64_t started_us;
    uint64_t due_us;
    struct buffer head; /* of a response head that came in pieces */
    struct stream_reader reader;
};

void load_connection_init(struct connection *connection);

/* Begins to connect; `index` is its number among all of the test. Its state is
   NEW or AWAY. */
void load_connection_start(struct connection *connection,
                           struct connection_context *context, uint64_t index);

/* What epoll reported; `data` is the connection. */
void load_connection_on_ready(void *data, struct connection_context *context,
                              uint32_t events);

/* A slow one is due. */
void load_connection_read_slowly(struct connection *connection,
                                 struct connection_context *context);

/* Closes a stream as a client does that will come back. */
void load_connection_leave(struct connection *connection,
                           struct connection_context *context);

/* Gives up on it; `kind` says why. */
void load_connection_fail(struct connection *connection,
                          struct connection_context *context,
                          enum load_error kind);

/* Has it all it should get? */
bool load_connection_is_complete(const struct connection *connection,
                                 const struct stream_context *context);

/* The regular end of the test: adds up what it lost and closes it. */
void load_connection_finish(struct connection *connection,
                            struct connection_context *context);

#endif
