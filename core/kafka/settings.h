/* SPDX-License-Identifier: MIT */
/*
 * librdkafka's settings: ours first, then those of the config, whose names and
 * values it checks itself. What the promises of this room rest on is refused.
 */
#ifndef STENTOR_KAFKA_SETTINGS_H
#define STENTOR_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

enum kafka_role { KAFKA_PRODUCER, KAFKA_CONSUMER };

/* Names and values, each ended by NUL: "acks\0all\0…"; borrowed. */
struct kafka_pairs {
    const char *bytes;
    size_t size;
};

/*
 * 0, or STENTOR_EINVALID and in `error` why "name" cannot be set to "value", in
 * librdkafka's words. Has no effect. A secret's value is never in the text.
 */
int settings_check(const char *name, const char *value, char *error);

/*
 * The settings of a client, to be given to rd_kafka_new; or NULL and a sentence
 * in `error`. `given` are those of the config, `own` those of the caller, which
 * come last; pairs of size 0 are fine.
 */
rd_kafka_conf_t *settings_new(enum kafka_role role, const char *brokers,
                              struct kafka_pairs given, struct kafka_pairs own,
                              char *error);

#endif
