/* SPDX-License-Identifier: MIT */
/*
 * librdkafka, loaded when it is first called and not when a process starts: it
 * and the OpenSSL beneath it cost 0.65 MB of memory that no two processes share,
 * and workers and the supervisor have no use for it.
 *
 * Who calls librdkafka includes this and calls it by its own names. The build
 * finds the calls and writes kafka/calls.h: the list of the functions, and a
 * macro for each that makes its call one of a member of the struct below.
 */
#ifndef STENTOR_KAFKA_LIBRARY_H
#define STENTOR_KAFKA_LIBRARY_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/calls.h"

#define KAFKA_MEMBER(name) __typeof__(name) *name;
struct kafka_functions {
    KAFKA_FUNCTIONS(KAFKA_MEMBER)
};
#undef KAFKA_MEMBER

/* NULL until it is loaded. */
extern const struct kafka_functions *kafka_loaded;

/* Loads the library, or ends the process with a word to the log when it is not
   there. */
const struct kafka_functions *kafka_load(void);

static inline const struct kafka_functions *kafka_library(void)
{
    return kafka_loaded != NULL ? kafka_loaded : kafka_load();
}

#endif
