/* SPDX-License-Identifier: MIT */
/*
 * One Kafka cluster as it is written to: a producer, which is replaced when it
 * has a fatal error or its brokers' addresses no longer hold.
 */
#ifndef STENTOR_KAFKA_BUS_H
#define STENTOR_KAFKA_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/text.h"
#include "kafka/client.h"
#include "kafka/kafka.h"

enum { BUS_NAME_BYTES = 33 }; /* NUL included */

struct kafka_bus {
    uint32_t magic;
    uint32_t number;
    struct kafka *kafka;
    char name[BUS_NAME_BYTES];
    char title[BUS_NAME_BYTES + 16]; /* of its producer, in the log */
    char *brokers;                   /* "host:port,…", or "embedded" */
    char *given;                     /* librdkafka's settings of the config */
    size_t given_bytes;
    uint64_t outbox_bytes;
    struct kafka_client *producer; /* NULL: none at the moment */
    char address[64];              /* of the embedded broker it connects to */
    uint64_t open_at; /* producer is NULL: when to try again, in loop time */
    uint64_t down_at; /* not connected since; 0: connected */
    struct list sent; /* of topic_publish, without a report */
    uint64_t restarts;
};

/* Adds a bus, which connects. The texts are copied; its cursors and places are
   kept under its name, which no other may have. STENTOR_EFULL. */
int bus_add(struct kafka *kafka, struct text name, struct text brokers,
            struct kafka_pairs given, uint64_t outbox_bytes);

/* What its clients connect to; "" if that is not known now. */
const char *bus_brokers(const struct kafka_bus *bus);
struct kafka_pairs bus_settings(const struct kafka_bus *bus);

bool bus_is_embedded(const struct kafka_bus *bus);
bool bus_is_connected(const struct kafka_bus *bus);

/* Gives up its producer, and what that has not sent: bus_beat opens another
   one, and sinks go on from their cursors. */
void bus_close(struct kafka_bus *bus, const char *why);

/* Looks after its producer; called now and then. */
void bus_beat(struct kafka_bus *bus);

#endif
