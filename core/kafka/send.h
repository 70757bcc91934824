/* SPDX-License-Identifier: MIT */
/* The part of a sink that is at work when nothing is wrong. */
#ifndef STENTOR_KAFKA_SEND_H
#define STENTOR_KAFKA_SEND_H

#include "kafka/sink.h"

/* Gives the producer what it takes, in a bounded turn; true if there is more
   to do at once. */
bool send_turn(struct sink *sink);

/* A report of message `number` (window.h). */
void send_report(struct sink *sink, uint64_t number,
                 const rd_kafka_message_t *message);

#endif
