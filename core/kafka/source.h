/* SPDX-License-Identifier: MIT */
/*
 * A topic that is read: one consumer for all who want its records. With a
 * group it shares the partitions with the group's other members and commits
 * offsets after processing; without one it reads all of them, and where it
 * goes on stands in places.h alone.
 *
 * Records are pulled: what nobody asks for is not fetched for long. A member of
 * a group stays one meanwhile.
 */
#ifndef STENTOR_KAFKA_SOURCE_H
#define STENTOR_KAFKA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "kafka/client.h"
#include "kafka/places.h"

enum { SOURCE_NAME_BYTES = 256 };

enum source_start {
    SOURCE_NEWEST, /* what comes from now on */
    SOURCE_OLDEST,
    SOURCE_TIME /* what is younger than `start_ms`, Unix time */
};

struct source;

/* What the owner is told, on the loop. */
struct source_events {
    /* There may be something to read, until source_peek returns NULL. */
    void (*on_readable)(struct source *source);
    /* `lost` records of the partition were gone before they were read; what is
       there now comes next. `text` says why. */
    void (*on_gap)(struct source *source, int32_t partition, uint64_t lost,
                   const char *text);
    /* It may be freed. */
    void (*on_closed)(struct source *source);
};

struct source_settings {
    const char *brokers;
    struct kafka_pairs given;
    const char *topic;
    const char *group;    /* NULL: none */
    const char *instance; /* which of the group's members we are */
    enum source_start start;
    int64_t start_ms;
    uint32_t fetch_wait_ms; /* 0: as librdkafka likes */
};

/* For the status. */
struct source_counters {
    uint64_t records; /* pulled */
    uint64_t bytes;
    uint64_t gaps;     /* times that records were gone before they were read */
    uint64_t lost;     /* how many those were, as far as is known */
    uint64_t restarts; /* consumers opened after the first */
};

/* One partition that is read. */
struct source_partition {
    int32_t number;
    bool reads;        /* it is assigned */
    bool looked_up;    /* its oldest offset is being asked for */
    int64_t fetched;   /* the offset after the last one pulled */
    int64_t committed; /* for the group; -1: nothing by us */
    struct place *place;
};

/* Opens it, in the background; it goes on from the places of `row`. All texts
   are copied; `places`, `events` and `owner` outlive it. NULL and a sentence in
   `error`. */
struct source *source_open(uv_loop_t *loop, struct places *places,
                           struct places_row *row,
                           const struct source_settings *settings,
                           const struct source_events *events, void *owner,
                           char *error);

/* Commits what there is to commit, and ends it; on_closed follows. */
void source_close(struct source *source);
void source_free(struct source *source);

/* The embedded Kafka has another address, and is empty. */
void source_moved(struct source *source, const char *brokers);

/* The next record and its partition, or NULL when there is none now; valid
   until the loop turns. source_advance goes past it, and source_free_passed
   frees all that were passed; source_keep goes past it too, and the caller
   destroys the event when it needs the message no more. */
const rd_kafka_message_t *source_peek(struct source *source,
                                      struct source_partition **partition);
void source_advance(struct source *source);
void source_free_passed(struct source *source);
rd_kafka_event_t *source_keep(struct source *source);

void *source_owner(const struct source *source);
bool source_is_connected(const struct source *source);
struct places_row *source_row(const struct source *source);

/* Another number whenever what was fetched before is no more this source's to
   deal with: its partitions were taken, its client replaced, its topic deleted.
   No two sources of a process have the same. */
uint64_t source_generation(const struct source *source);

const struct source_counters *source_counters(const struct source *source);

/* Its partitions, `count` of them, until the loop turns. */
const struct source_partition *source_partitions(const struct source *source,
                                                 uint32_t *count);

/* How many records there are from the partition's place to its end, as far as
   is known; -1 if it is not. */
int64_t source_lag(const struct source *source, int32_t partition);

#endif
