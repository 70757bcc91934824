/* SPDX-License-Identifier: MIT */
/*
 * The journal's shared memory, in the order in which it lies in the file:
 *
 *   struct journal_header        one page
 *   struct journal_channel[]     the channel table, `channels_max` rows
 *   struct journal_mark[]        the index, one mark for each 64 KB of ring
 *   the ring                     `ring_bytes`, mapped twice in a row
 *
 * A position is a count of bytes ever appended; position % ring_bytes is the
 * place in the ring. A record is a struct journal_record, its frame (the bytes
 * as they go on the wire, HTTP chunk framing included), its key, and zeros up
 * to a multiple of 8. The records of [tail, head) are whole.
 *
 * Truth and what is derived from it. `head` is the truth: a record exists once
 * head has passed it. The channel table is derived: rows are brought up to
 * date after head, and `settled` follows when they are. A writer that died in
 * between is made good by the next one, which walks [settled, head) again.
 *
 * One writer (the brain), any number of readers with a read-only mapping.
 * Words shared between them are read and written with __atomic builtins.
 */
#ifndef STENTOR_JOURNAL_LAYOUT_H
#define STENTOR_JOURNAL_LAYOUT_H

#include <stdint.h>

enum {
    JOURNAL_MAGIC = 0x4a4e5453, /* "STNJ" */
    JOURNAL_VERSION = 2,
    JOURNAL_MARK_BYTES = 65536,
    JOURNAL_NAME_BYTES = 200, /* a channel's name, NUL included */
    JOURNAL_KEY_BYTES_MAX = 1024,
    JOURNAL_RING_BYTES_MIN = 1048576
};

struct journal_header {
    uint32_t magic;
    uint32_t version;
    uint64_t epoch;      /* 48 random bits; new with every new journal */
    uint64_t ring_bytes; /* a multiple of JOURNAL_MARK_BYTES */
    uint32_t channels_max;
    uint32_t channel_count; /* rows ever used; atomic */

    /* Each on a cache line of its own: readers poll head while the writer
       moves tail. */
    uint64_t head __attribute__((aligned(64)));
    uint64_t tail __attribute__((aligned(64)));
    uint64_t settled __attribute__((aligned(64)));
    uint64_t settled_seq;   /* seq of the last record before `settled` */
    uint64_t settled_time;  /* its time_ms: time never runs backwards here */
    uint64_t forgotten_seq; /* newest seq of the channels whose rows were given
                               to others: names that come back may have lost
                               all up to it */
};

struct journal_record {
    uint64_t seq;         /* 1, 2, 3 … one order over all channels */
    uint64_t time_ms;     /* Unix time; never less than the record before */
    uint64_t previous;    /* position of the channel's previous record, or
                             JOURNAL_NONE */
    uint64_t jump;        /* position of its record `span` before this one, or
                             JOURNAL_NONE */
    uint32_t size;        /* of all, padding included; a multiple of 8 */
    uint32_t channel;     /* row in the table */
    uint32_t frame_bytes; /* follow this header */
    uint32_t span;        /* of `jump`; 0: there is no record before */
    uint16_t key_bytes;   /* follow the frame */
    uint8_t chunk_head;   /* bytes of "1a3\r\n" at the frame's start; at its end
                             is the "\r\n" of the chunk */
    uint8_t flags;        /* the writer's own; KAFKA_… in kafka/kafka.h */
    uint32_t reserved;    /* 0 */
};

static const uint64_t JOURNAL_NONE = UINT64_MAX;

struct journal_channel {
    uint32_t generation;   /* grows when the row gets another channel */
    uint32_t state;        /* enum journal_channel_state */
    uint64_t newest;       /* position of its newest record, or JOURNAL_NONE */
    uint64_t newest_seq;   /* 0: none yet */
    uint64_t lost_seq;     /* of its newest overwritten record; 0: none. In a
                              new row: forgotten_seq */
    uint64_t replay_ms;    /* not replayed when older; UINT64_MAX: no limit */
    uint32_t replay_count; /* not replayed beyond; UINT32_MAX: no limit */
    uint32_t name_bytes;
    char name[JOURNAL_NAME_BYTES]; /* NUL-terminated */
};

enum journal_channel_state {
    JOURNAL_CHANNEL_FREE,
    JOURNAL_CHANNEL_OPEN,
    JOURNAL_CHANNEL_CLOSED /* nobody uses it; the row waits until the tail has
                              passed its last record */
};

/* The first record that starts in one 64 KB block of positions. */
struct journal_mark {
    uint64_t position;
    uint64_t seq;
    uint64_t time_ms;
};

#endif
