/* SPDX-License-Identifier: MIT */
/* A source from inside: source.c is its life, source_begin.c finds out where it
   begins to read, source_read.c has its records, source_group.c its group. */
#ifndef STENTOR_KAFKA_SOURCE_OWN_H
#define STENTOR_KAFKA_SOURCE_OWN_H

#include "base/buffer.h"
#include "kafka/source.h"
#include "kafka/survey.h"

enum { SOURCE_MAGIC = 0x43525553, SOURCE_PASSED_MAX = 512 };

struct source {
    uint32_t magic;
    struct source_settings settings; /* its texts are ours */
    char name[SOURCE_NAME_BYTES + 16];
    struct buffer own; /* librdkafka's settings that the group needs */
    const struct source_events *events;
    void *owner;
    uv_loop_t *loop;
    struct places *places;
    struct places_row *row;
    struct kafka_client *client; /* NULL: none could be opened, or all ends */
    uv_timer_t tick;
    struct source_partition *partitions;
    uint32_t partition_count;
    uint64_t generation;   /* of what is read: see source_generation */
    struct survey *survey; /* under way, or NULL */
    /* The group has given us these; NULL: none, or no group. */
    rd_kafka_topic_partition_list_t *assigned;
    uint32_t burst; /* records pulled without a pause */
    bool nudging;   /* source_read.c */
    bool held;      /* nothing is fetched, as nobody pulls: source_group.c */
    uint32_t ticks;
    uint32_t unpulled; /* ticks since a record was asked for */
    uint32_t lonely;   /* ticks without a broker */
    uint32_t missing;  /* surveys that found no topic, in a row */
    bool closing;
    bool leaving;   /* and said so to the group's coordinator */
    bool reopening; /* the client is to be replaced */
    struct source_counters counters;
    /* The record that is looked at, or NULL, and where it is from. */
    rd_kafka_event_t *event;
    const rd_kafka_message_t *message;
    struct source_partition *at;
    rd_kafka_event_t *passed[SOURCE_PASSED_MAX]; /* to be freed */
    uint32_t passed_count;
};

/* Finds out which partitions there are and where they begin, and assigns
   them. Nothing happens while that is under way. */
void source_begin(struct source *source);

/* The group gives partitions, or takes all of them. */
void source_give(struct source *source,
                 const rd_kafka_topic_partition_list_t *list);
void source_take(struct source *source);

/* There is nothing at the partition's offset: finds out what there is. */
void source_look_up(struct source *source, int32_t partition);

/* Now and then: tries again what has failed, looks for added partitions. */
void source_look_again(struct source *source);

/* Commits the places that have moved; false if there is nothing to commit, or no
   group. */
bool source_commit(struct source *source);

/* The last thing that is asked of the group's coordinator: others need not
   wait until we have been silent for too long. */
void source_leave(struct source *source);

/* Events of the client's. */
void source_take_commit(struct source *source, rd_kafka_event_t *event);
void source_take_rebalance(struct source *source, rd_kafka_event_t *event);

/* Has its partitions fetched from where they stand, or none while it is held. */
void source_assign(struct source *source);

/* A tick has passed; and: there is something in the queue, while it is held. */
void source_hold_if_unpulled(struct source *source);
void source_empty_queue(struct source *source);

/* Forgets the record that is looked at, and frees those that were passed. */
void source_drop(struct source *source);

struct source_partition *source_find(struct source *source, int32_t number);

#endif
