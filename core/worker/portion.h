/* SPDX-License-Identifier: MIT */
/*
 * What was read from the journal for one stream on its own. It stays when it
 * was written: after an interruption very many clients come back that have
 * missed the same, and only for the first of them the journal is read.
 */
#ifndef STENTOR_WORKER_PORTION_H
#define STENTOR_WORKER_PORTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/reader.h"

struct conflation;

enum { PORTION_BYTES = 65536 };

struct portion {
    struct buffer records; /* read from `position` on, to `next` */
    uint64_t position;
    uint64_t next;
    uint64_t limit;      /* it was not to be read beyond */
    struct buffer wants; /* struct journal_want: what it was selected by */

    /* Of the stream that gets it, set by who writes it. */
    uint32_t events;  /* of the records that are framed */
    size_t frames_at; /* where their frames begin in the bytes to write */
    uint64_t seq;     /* of the last record before them */
};

void portion_init(struct portion *portion);
void portion_done(struct portion *portion);

/*
 * Makes it what `wants` select from `position` on, about PORTION_BYTES of it,
 * and not beyond `limit`: unless it is that already. Returns as journal_select
 * does; after STENTOR_EOVERRUN it is of nobody.
 */
int portion_read(struct portion *portion, const struct journal *journal,
                 const struct journal_want *wants, uint32_t count,
                 uint64_t position, uint64_t limit);

/* Makes it what is kept of a conflation behind `seq`, for who stands at
   `position`; as above, and it is of nobody else. */
int portion_read_kept(struct portion *portion, const struct journal *journal,
                      const struct conflation *kept, uint64_t position,
                      uint64_t seq);

#endif
