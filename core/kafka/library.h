/* SPDX-License-Identifier: MIT */
/*
 * librdkafka, loaded when it is first called and not when a process starts: it
 * and the OpenSSL beneath it cost 0.65 MB of memory that no two processes share,
 * and workers and the supervisor have no use for it.
 *
 * Who calls librdkafka includes its own headers, and knows nothing of this: the
 * build finds the calls, lists the functions (kafka_functions.h) and makes each
 * call one of a member of the struct below (kafka_calls.h, seen by the compiler
 * ahead of the source). CMakeLists.txt writes both.
 */
#ifndef STENTOR_KAFKA_LIBRARY_H
#define STENTOR_KAFKA_LIBRARY_H

struct kafka_functions;

/* The functions; loads the library when it is called for the first time, and
   ends the process with a word to the log when it is not there. */
const struct kafka_functions *kafka_library(void);

#endif
