/* SPDX-License-Identifier: MIT */
/*
 * The embedded Kafka, for `brokers = "embedded"`: librdkafka's mock cluster in
 * a process of its own, so that what it holds outlives brains and reloads. It
 * is for development: in memory, at most 5 MB a partition, 4 partitions a
 * topic, no look-up by time, gone when the process ends.
 */
#ifndef STENTOR_KAFKA_EMBEDDED_H
#define STENTOR_KAFKA_EMBEDDED_H

#include <sys/types.h>

/* The life of that process, a child of the supervisor `parent`; returns its
   exit code. It says READY with its address as soon as it answers. */
int embedded_main(pid_t parent);

#endif
