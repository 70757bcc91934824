/* SPDX-License-Identifier: MIT */
/*
 * An audience: the streams of one worker that follow the same set of channels
 * in the same framing (HTTP chunks or not), and so are written the same bytes.
 * It exists while it has a stream, in step or not.
 */
#ifndef STENTOR_WORKER_AUDIENCE_H
#define STENTOR_WORKER_AUDIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "journal/reader.h"

enum { AUDIENCE_MAGIC = 0x49445541 };

struct conflation;

/* Its place in one channel's list of audiences. */
struct audience_seat {
    struct list link; /* of audiences.by_channel[channel] */
    struct audience *audience;
};

struct audience {
    uint32_t magic;
    uint32_t count;   /* channels */
    uint32_t streams; /* members, in step or not */
    uint32_t hash;
    struct audience *next_in_bucket;
    struct list in_step; /* struct connection.member */
    struct list dirty;   /* of the fan-out's pass, until it is served */
    uint64_t sent;       /* bytes ever written to one that was always in step */
    struct conflation *conflation; /* the last one made for it, or NULL */
    bool is_dirty;                 /* is in `dirty` */
    bool chunked;                  /* HTTP/1.1; else bodies end by close */
    struct journal_want *wants;    /* `count`, sorted; from_seq 0 */
    struct audience_seat *seats;   /* `count` */
};

struct audiences {
    struct audience **buckets; /* by hash of the channel set */
    uint32_t mask;
    uint32_t count;
    uint32_t channels;       /* length of by_channel */
    struct list *by_channel; /* of struct audience_seat */
};

void audiences_init(struct audiences *audiences, uint32_t channels);

/* No audience may be left. */
void audiences_done(struct audiences *audiences);

/* The audience of `wants` (sorted, each once), made if there is none; counts
   one more stream. */
struct audience *audience_join(struct audiences *audiences,
                               const struct journal_want *wants, uint32_t count,
                               bool chunked);

/* One stream less; frees the audience after its last, which must not be in
   the fan-out's `dirty` any more. */
void audience_leave(struct audiences *audiences, struct audience *audience);

#endif
