/* SPDX-License-Identifier: MIT */
/*
 * The part of a sink that finds out what Kafka has already: how many partitions
 * the topic has, then what stands at their ends (tail.h). All of it happens in
 * the background; the sink goes from STARTING over READING to SENDING, or is
 * restarted.
 */
#ifndef STENTOR_KAFKA_RECOVER_H
#define STENTOR_KAFKA_RECOVER_H

#include "kafka/sink.h"

/* Begins, if there is a broker that answers and it has not begun yet. */
void recover_start(struct sink *sink);

/* Drops what was found out, and what is under way. */
void recover_forget(struct sink *sink);

#endif
