/* SPDX-License-Identifier: MIT */
/*
 * A stream on its own: not in step, it has a position of its own in the
 * journal and reads on from there, as fast as its socket takes the bytes, until
 * it has caught up with the fan-out. A new stream begins so; one that falls
 * behind becomes so again. It is in one of three lists of the fan-out:
 *
 *   behind    bytes are on their way; when they are written it is settled
 *   ready     there is more to read for it; a portion is read and written in
 *             one of the next turns
 *   waiting   it has all up to the target; at the end of the pass it gets into
 *             step, or is overtaken and is ready again
 *
 * stream_own_settle decides between the last two and getting into step.
 */
#ifndef STENTOR_WORKER_STREAM_OWN_H
#define STENTOR_WORKER_STREAM_OWN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "journal/reader.h"

enum {
    STREAM_OWN_MAGIC = 0x4e574f53,
    STREAM_OWN_CHECK_MS = 1000 /* how often its lag is looked at */
};

struct connection;
struct conflation;

struct stream_own {
    uint32_t magic;
    bool writing;      /* `pending` is on its way: it is `behind` */
    bool patient;      /* lagging_be_patient was called */
    bool estimated;    /* `owed` is: it was let off some events, or comes from
                          another worker, whose fan-out was elsewhere */
    uint64_t position; /* has, or has on their way, all records before */
    uint64_t seq;      /* of the last of them */
    uint64_t sure_seq; /* of the last one that was written whole */
    /* The journal's head when it began. Before, it wants what `wants` says
       (since, replay); from there on all records of its channels. */
    uint64_t whole_from;
    struct journal_want *wants; /* NULL once it has passed whole_from */
    uint64_t owed; /* audience->sent as it was, or will be, at `position`; means
                      something only if the stream was in step */
    struct conflation *kept; /* what of the next events it gets; NULL: all */
    uint64_t kept_until;     /* audience->sent where that ends */
    uint64_t since_ms;       /* Unix time since when it gets no further: when it
                          was in step, the age of the oldest record that is
                          on its way; else of the last write that ended */
    /* When its socket last took something (worker_now), and what it then still
       held: looked at from time to time while bytes are on their way. */
    uint64_t moved_ms;
    uint64_t queued;
    char *pending;
    size_t pending_size;
    uv_write_t write;
};

/* Gives `connection` a position of its own. */
struct stream_own *stream_own_new(struct connection *connection,
                                  uint64_t position, uint64_t seq);

/* Frees it, or leaves that to the write that is under way. */
void stream_own_drop(struct connection *connection);

/* A stream in step leaves it, to go on by itself from `position`; `owed` is
   audience->sent there. The caller puts it into one of the lists. */
struct stream_own *stream_own_leave_step(struct connection *connection,
                                         uint64_t position, uint64_t seq,
                                         uint64_t owed);

/* The same for one that has nothing on its way: it is `ready`. */
void stream_own_send_off(struct connection *connection, uint64_t position,
                         uint64_t seq);

/* Reads one portion from its position into `to`. */
void stream_own_read(struct connection *connection, struct buffer *to);

/* Writes; what the socket does not take is kept and goes out when it can.
   False if that closed the connection. */
bool stream_own_send(struct connection *connection, const char *bytes,
                     size_t size);

/* Keeps bytes that the socket did not take; false as above. */
bool stream_own_hold(struct connection *connection, const char *bytes,
                     size_t size);

/* Keeps a copy of bytes that are to go out before all others. */
void stream_own_keep(struct stream_own *own, const char *bytes, size_t size);

/* A stream that was made with all it needs (and may have bytes kept) begins to
   write and to read on; after the call it may be closing. */
void stream_own_go_on(struct connection *connection);

/* Nothing is on its way: decides what comes next by its position. */
void stream_own_settle(struct connection *connection);

#endif
