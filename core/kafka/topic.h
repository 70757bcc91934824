/* SPDX-License-Identifier: MIT */
/* A topic that is written to: by a sink, by scripts, or both. */
#ifndef STENTOR_KAFKA_TOPIC_H
#define STENTOR_KAFKA_TOPIC_H

#include "kafka/bus.h"
#include "kafka/sink.h"

struct kafka_topic {
    uint32_t magic;
    uint32_t number;
    struct kafka_bus *bus;
    char *name;
    uint32_t partitions_wanted; /* 0: as the brokers like */
    bool created;               /* it was seen to that */
    bool creating;
    uint32_t tries;
    rd_kafka_topic_t *handle; /* of the bus's producer; NULL: not yet */
    struct sink *sink;        /* NULL: no channel is copied to it */
    uint64_t acked;           /* of topic_publish */
    uint64_t failed;
};

/* Adds a topic to the bus; with `has_channels` it has a sink. The number, or
   STENTOR_EFULL, STENTOR_ESYSTEM (logged). */
int topic_add(struct kafka_bus *bus, struct text name, uint32_t partitions,
              bool drops, bool has_channels);

/* The handle, made if need be, early: the first message of a topic would wait
   for a second. NULL while there is no producer. */
rd_kafka_topic_t *topic_handle(struct kafka_topic *topic);

/* The producer goes away. */
void topic_detach(struct kafka_topic *topic);

/* Sees to it that the topic has a handle, and was created if the config says
   with how many partitions. True when that is so. */
bool topic_prepare(struct kafka_topic *topic);

/* `headers`: "name\0value\0…". STENTOR_EFULL, STENTOR_ETOOBIG. */
int topic_publish(struct kafka_topic *topic, struct text value, struct text key,
                  struct kafka_pairs headers, uint64_t ticket);

/* A report of a message of ours. */
void topic_report(const rd_kafka_message_t *message);

/* What was sent with topic_publish and has no report gets none any more. */
void topic_forget_sent(struct kafka_bus *bus, const char *why);

#endif
