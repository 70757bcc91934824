/* SPDX-License-Identifier: MIT */
/*
 * What is in a topic already: a consumer of its own that reads each partition
 * from an offset to its end, once, and gathers which of our events it met. For
 * a sink that begins, and does not know what became of what was under way.
 */
#ifndef STENTOR_KAFKA_TAIL_H
#define STENTOR_KAFKA_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "kafka/client.h"

struct tail_partition {
    int64_t from; /* RD_KAFKA_OFFSET_END: only where it ends is wanted */
    int64_t end;  /* the offset that the next message will have */
    bool done;
};

struct tail {
    uint32_t magic;
    struct kafka_client client;
    char *topic;
    uint64_t epoch;   /* of the journal whose ids are looked for */
    uint64_t seq_min; /* from this one on */
    struct tail_partition *partitions;
    uint32_t partition_count;
    uint32_t left;  /* partitions whose end was not met yet */
    uint64_t *seqs; /* that were met; ascending when done */
    size_t seq_count;
    size_t seq_capacity;
    uint64_t read; /* messages */
    bool finished; /* on_done was called */
    bool broken;   /* an error that reading on would not mend */
    void *owner;
    /* Told once, on the loop; look at `broken`, then close it. */
    void (*on_done)(struct tail *tail);
};

/* Begins to read; `from` has an offset for each partition. NULL and a sentence
   in `error` if there can be no such client. */
struct tail *tail_open(uv_loop_t *loop, const char *brokers,
                       struct kafka_pairs given, const char *topic,
                       uint64_t epoch, uint64_t seq_min, const int64_t *from,
                       uint32_t partition_count,
                       void (*on_done)(struct tail *tail), void *owner,
                       char *error);

/* At any time; it frees itself later, and tells nothing more. */
void tail_close(struct tail *tail);

#endif
