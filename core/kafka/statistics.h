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

struct statistics {
    uint32_t brokers_up;     /* connected, and not silent */
    uint32_t brokers_silent; /* connected, but they do not answer */
    uint64_t queue_messages; /* producer: in its queues and in flight */
    uint64_t queue_bytes;
};

/* A broker that owes an answer and has sent nothing for `silence_ms` does not
   count as up. False if `json` is not what librdkafka writes. */
bool statistics_read(struct text json, uint32_t silence_ms,
                     struct statistics *statistics);

#endif
