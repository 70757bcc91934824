/* SPDX-License-Identifier: MIT */
/*
 * How clients move from one worker to another, over a SOCK_SEQPACKET pair that
 * the supervisor has made. Nothing is written to a client while it moves.
 *
 *   who hands over                   who takes over
 *   BATCH + descriptors   →          makes all it is to have, counts them on
 *                                    the board, tells the brain of the streams
 *                         ←  TAKEN   they are its own now
 *   uncounts them, forgets
 *   GO                    →          begins to read and write
 *   the next BATCH        →
 *
 *                         ←  REFUSED it has no descriptors left
 *   takes them back
 *
 * If who takes over dies before TAKEN, the other takes them back: nothing has
 * been written to them. If who hands over dies after BATCH, that is a GO. And
 * as a stream is counted twice for a moment but never not at all, no channel
 * looks vacant meanwhile.
 *
 * Descriptors beside BATCH: a memfd, then the clients' sockets in order. In the
 * memfd is for each client a struct move_client, its channels (struct
 * journal_want), the unsent bytes and the policy (policy_text), the last two
 * padded to a multiple of 8. It is no part of the packet, as the unsent bytes
 * may be megabytes.
 */
#ifndef STENTOR_WORKER_MOVE_MESSAGE_H
#define STENTOR_WORKER_MOVE_MESSAGE_H

#include <stdint.h>

#include "base/address.h"

enum {
    MOVE_VERSION = 1,
    MOVE_BATCH_MAX = 100,       /* clients */
    MOVE_BATCH_BYTES = 16 << 20 /* no further client once it has so many */
};

enum move_type {
    MOVE_BATCH = 1, /* struct move_batch_head */
    MOVE_TAKEN,
    MOVE_REFUSED,
    MOVE_GO
};

struct move_batch_head {
    uint32_t version;
    uint32_t count;
    uint64_t bytes; /* of the memfd */
};

enum move_flag {
    MOVE_STREAM = 1, /* else it is between two requests, and all that is of
                        streams is zero */
    MOVE_FRESH = 2,  /* no request has come yet */
    MOVE_HTTP_1_0 = 4,
    MOVE_TELL = 8,
    MOVE_WAS_IN_STEP = 16,
    MOVE_WROTE = 32,
    MOVE_CATCHES_UP = 64, /* the channels' from_seq still count */
    MOVE_PROXIED = 128    /* its peer is a trusted proxy */
};

struct move_client {
    uint32_t flags;
    uint32_t listener;     /* of the plan's, where it was accepted */
    struct address behind; /* the client behind a proxy, or none */
    uint32_t channel_count;
    uint32_t unsent_bytes;
    uint32_t heard;   /* bytes that it sent and nobody wants */
    uint32_t started; /* as in struct connection: all workers have one clock */
    uint32_t policy_bytes; /* 0: the server's own */
    uint64_t number;
    uint64_t sent;     /* bytes written */
    uint64_t position; /* as in struct stream_own, and so the next four */
    uint64_t seq;
    uint64_t sure_seq;
    uint64_t whole_from;
    uint64_t since_ms;
    uint64_t unread; /* bytes of its audience's */
};

#endif
