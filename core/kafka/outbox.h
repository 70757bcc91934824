/* SPDX-License-Identifier: MIT */
/*
 * Records that Kafka has not acknowledged and that the journal is about to
 * overwrite: a ring of whole journal records in the ledger's memory, oldest
 * first. It takes memory only for what is in it, and outlives the brain.
 */
#ifndef STENTOR_KAFKA_OUTBOX_H
#define STENTOR_KAFKA_OUTBOX_H

#include "journal/layout.h"
#include "kafka/ledger.h"

struct outbox {
    struct ledger *ledger;
    struct ledger_row *row; /* its head, tail and bytes */
    char *ring;             /* the first of two views; NULL: not mapped */
    uint64_t mapped;        /* its bytes */
};

/* Maps the row's ring, of `bytes` if there is nothing in it, else of what it
   had; `bytes` is rounded up. */
int outbox_open(struct outbox *outbox, struct ledger *ledger,
                struct ledger_row *row, uint64_t bytes, char *error);
void outbox_close(struct outbox *outbox);

static inline uint64_t outbox_used(const struct outbox *outbox)
{
    return outbox->row->outbox_head - outbox->row->outbox_tail;
}

/* The record at a position from the tail on, before the head. */
const struct journal_record *outbox_record(const struct outbox *outbox,
                                           uint64_t position);

/* What a record takes with a key of so many bytes. */
uint64_t outbox_bytes(size_t frame_bytes, size_t key_bytes);

/* Adds a copy with `key` for its key; STENTOR_EFULL if there is no room. */
int outbox_add(struct outbox *outbox, const struct journal_record *record,
               struct text key);

/* Drops the oldest. What is empty gives its memory back. */
void outbox_drop(struct outbox *outbox);

#endif
