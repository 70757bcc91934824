/* SPDX-License-Identifier: MIT */
/*
 * Copies channels from the journal to a topic. A sink is a cursor that moves
 * when Kafka acknowledges; it and the offset behind the last acknowledged
 * record of each partition are in the ledger. What one sink has sent another,
 * after a death, a reload or a fatal error, cannot know: so it first reads
 * each partition from that offset to its end, and leaves out what it meets.
 *
 *   STARTING → READING → SENDING        a broker that answers, the tail, go
 *        ↖        ↓         ↓
 *          ←── WAITING ←────            an error: a second later once more
 */
#ifndef STENTOR_KAFKA_SINK_H
#define STENTOR_KAFKA_SINK_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/journal.h"
#include "kafka/outbox.h"
#include "kafka/tail.h"
#include "kafka/window.h"

struct kafka_topic;

enum { SINK_MAGIC = 0x4b4e4953 };

enum sink_state { /* the values of enum stentor_sink_state in brain/ffi.h */
                  SINK_STARTING,
                  SINK_READING,
                  SINK_SENDING,
                  SINK_WAITING
};

struct sink {
    uint32_t magic;
    struct kafka_topic *topic;
    const struct journal *journal;
    struct ledger_row *row;
    struct outbox outbox;
    uint64_t bytes_max; /* of what may wait */
    bool drops;
    bool full; /* was so at the last publish */
    enum sink_state state;
    uint32_t life;       /* grows with each restart: jobs of another are void */
    bool asking;         /* a job that asks for the partitions is under way */
    uint64_t wait_until; /* WAITING: in loop time */

    /* What to read next: first the outbox, then the journal. Records below
       next_seq are under way or done. */
    uint64_t next_seq;
    uint64_t read;        /* position in the journal */
    uint64_t outbox_read; /* and in the outbox */
    struct window window;
    uint64_t outstanding; /* messages that the producer has not reported yet,
                             also of lives before */
    struct buffer scratch;

    uint64_t waiting; /* not acknowledged: in the journal and the outbox */
    uint64_t waiting_bytes;
    uint64_t adding_bytes; /* of the append that is being considered */

    uint64_t redo_seq;   /* up to here it is not the first time */
    uint64_t single_seq; /* up to here one at a time: a batch was refused */
    struct tail *tail;   /* READING */
    uint64_t *known;     /* seqs that are in Kafka, ascending */
    size_t known_count;
    size_t known_at;
    int64_t *ends; /* of each partition: what its first report must
                             say; -1: nothing to check */
    uint32_t partition_count;
};

/* `bytes_max`: how much may wait. 0, or a code and a sentence in `error`. */
int sink_init(struct sink *sink, struct kafka_topic *topic, uint64_t bytes_max,
              bool drops, char *error);

/* All channels of it are known: counts what waits. */
void sink_start(struct sink *sink);

/* This brain goes on after another one has had the journal and the ledger. */
void sink_resume(struct sink *sink);

/* Whether a record of that size may be published: 0, or STENTOR_EFULL. Counts
   as considered until sink_added or sink_withdraw. */
int sink_consider(struct sink *sink, uint64_t bytes);
void sink_withdraw(struct sink *sink);
void sink_added(struct sink *sink, uint32_t count);

/* The ring is about to overwrite all before `position`. */
void sink_save(struct sink *sink, uint64_t position);

/* Does a turn's work; true if there is more to do at once. */
bool sink_turn(struct sink *sink);

/* Begins anew from the cursor: after an error a second later, and not before
   the producer has reported all that it was given; with a new producer at
   once. */
void sink_restart(struct sink *sink, bool new_producer);

/* What a record counts for: as in the outbox, where it has its key with it, as
   its channel's row may belong to another by then. */
uint32_t sink_bytes(const struct sink *sink,
                    const struct journal_record *record);

/* Whether the sink has to copy the record. */
bool sink_owns(const struct sink *sink, const struct journal_record *record);

/* How old the oldest waiting record is. */
uint64_t sink_oldest_ms(const struct sink *sink, uint64_t now_ms);

#endif
