/* SPDX-License-Identifier: MIT */
/*
 * From a journal record to a Kafka message: the data as value, the channel or
 * the event's key as key, and the id and name as headers `id` and `event`.
 */
#ifndef STENTOR_KAFKA_MESSAGE_H
#define STENTOR_KAFKA_MESSAGE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/text.h"
#include "journal/journal.h"

struct message {
    struct text value;
    struct text key;
    struct text id;
    struct text event; /* size 0: none */
};

/* The record's key, or else the name of its channel. */
struct text message_key(const struct journal *journal,
                        const struct journal_record *record);

/* Reads a record of this process's own memory. What the message names lies in
   the record, the channel table or, for data of several lines, in `scratch`,
   which is emptied first. */
void message_read(const struct journal *journal,
                  const struct journal_record *record, struct buffer *scratch,
                  struct message *message);

/* The seq in an event id of this journal's; 0 for any other text. */
uint64_t message_seq(uint64_t epoch, struct text id);

#endif
