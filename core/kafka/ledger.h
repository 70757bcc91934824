/* SPDX-License-Identifier: MIT */
/*
 * What the sinks have to know whatever dies: how far Kafka has acknowledged,
 * and what waits for it. Memory of the supervisor's, used by the brain:
 *
 *   struct ledger_header    one page
 *   struct ledger_row[]     one for each topic that channels are copied to
 *   the outboxes            one region for each row (outbox.h)
 *
 * The file is as large as all outboxes could ever be, and takes memory only
 * for what is in them. One writer, the brain in charge; it may die between any
 * two stores. What rests on their order stands beside the code (sink.c).
 */
#ifndef STENTOR_KAFKA_LEDGER_H
#define STENTOR_KAFKA_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    LEDGER_MAGIC = 0x4b4e5453, /* "STNK" */
    LEDGER_VERSION = 1,
    LEDGER_ROWS = 32,
    LEDGER_NAME_BYTES = 288,
    LEDGER_PARTITIONS_MAX = 1000
};

static const uint64_t LEDGER_OUTBOX_BYTES_MAX = 1ULL << 34;

struct ledger_row {
    char name[LEDGER_NAME_BYTES]; /* NUL-terminated; "": nobody's */
    uint64_t epoch;               /* of the journal that it is about */

    /* Records before `position`, all of a seq below `seq`, are acknowledged or
       in the outbox. */
    uint64_t position;
    uint64_t seq;
    uint64_t handed_seq;  /* the newest that a producer was ever given */
    uint64_t outbox_head; /* counts bytes that were ever put there */
    uint64_t outbox_tail;
    uint64_t outbox_bytes; /* of its ring; 0: never used */

    uint64_t acked; /* since the server began, as all below */
    uint64_t failed;
    uint64_t requeued;
    uint64_t skipped;
    uint64_t dropped;
    uint64_t refused;
    uint64_t restarts;
    uint64_t possibly_doubled;

    /* For each partition: all records of ours before this offset are
       acknowledged, and none before `seq` lies behind it unseen. */
    int64_t offsets[LEDGER_PARTITIONS_MAX]; /* -1: not known */
};

struct ledger_header {
    uint32_t magic;
    uint32_t version;
};

/* One process's view. */
struct ledger {
    struct ledger_header *header;
    struct ledger_row *rows; /* LEDGER_ROWS */
    int fd;
};

/* Makes an empty ledger in `fd`, an empty memfd. */
int ledger_create(int fd, char *error);

/* Maps it; `fd` belongs to the ledger from here on. */
int ledger_open(struct ledger *ledger, int fd, char *error);
void ledger_close(struct ledger *ledger);

/*
 * The row of `name`; if there is none a new one, which begins at `position` and
 * `seq`. So does one that is about another journal. NULL when all are taken.
 */
struct ledger_row *ledger_row(struct ledger *ledger, struct text name,
                              uint64_t epoch, uint64_t position, uint64_t seq);

/* Where the region of the row's outbox begins in the file. */
uint64_t ledger_outbox(const struct ledger *ledger,
                       const struct ledger_row *row);

#endif
