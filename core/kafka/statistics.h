/* SPDX-License-Identifier: MIT */
/*
 * librdkafka's statistics, one JSON text a period (its STATISTICS.md), and what
 * they say of the connection: there is no event for "up again", and none for a
 * broker that hangs.
 */
#ifndef STENTOR_KAFKA_STATISTICS_H
#define STENTOR_KAFKA_STATISTICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { STATISTICS_DEPTH_MAX = 8 };

/* A value that is no object: text without its quotes, or a number, and the
   keys that lead to it, `depth` of them. Escapes are left as they are. */
struct statistics_value {
    struct text keys[STATISTICS_DEPTH_MAX];
    uint32_t depth;
    struct text text;
};

/* Calls `visit` for each value, deeper ones than STATISTICS_DEPTH_MAX left out;
   false if `json` is not what librdkafka writes. */
bool statistics_walk(struct text json,
                     void (*visit)(const struct statistics_value *value,
                                   void *opaque),
                     void *opaque);

/* The number that the value is; 0 if it is none. */
int64_t statistics_number(const struct statistics_value *value);

struct statistics {
    uint32_t brokers_up;     /* connected, and not silent */
    uint32_t brokers_silent; /* connected, but they do not answer */
    uint64_t queue_messages; /* producer: in its queues and in flight */
    uint64_t queue_bytes;
};

/* A broker that owes an answer and has sent nothing for `silence_ms` does not
   count as up. */
bool statistics_read(struct text json, uint32_t silence_ms,
                     struct statistics *statistics);

#endif
