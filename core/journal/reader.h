/* SPDX-License-Identifier: MIT */
/*
 * Reading the journal while it is being written. Nothing is locked: bytes are
 * copied out and then `tail` is read again; if it has passed the copied bytes
 * they may be torn and are thrown away (STENTOR_EOVERRUN).
 */
#ifndef STENTOR_JOURNAL_READER_H
#define STENTOR_JOURNAL_READER_H

#include "base/buffer.h"
#include "journal/journal.h"

/* A channel that a reader wants, from a record on. Lists of them are sorted by
   channel and name each once. */
struct journal_want {
    uint64_t from_seq; /* older records of it are not wanted */
    uint32_t channel;
    uint32_t generation; /* of the table's row when the stream began */
};

uint64_t journal_head(const struct journal *journal);
uint64_t journal_tail(const struct journal *journal);

/* Seq of the last record; 0: nothing was ever appended. */
uint64_t journal_newest_seq(const struct journal *journal);

/* Copies the record header at `position`, which must be a record's start. */
int journal_peek(const struct journal *journal, uint64_t position,
                 struct journal_record *record);

/*
 * Adds whole records from `*position` on to `to`, up to the position `limit`
 * (≤ head), until about `bytes` have been added but at least one; moves
 * `*position`. The added bytes start 8-aligned if `to` was empty. Returns how
 * many bytes were added (0: at the limit) or STENTOR_EOVERRUN.
 */
int journal_copy(const struct journal *journal, uint64_t *position,
                 uint64_t limit, size_t bytes, struct buffer *to);

/*
 * As journal_copy, but only the records of `wants`. Looks at a bounded number
 * of records: it may return 0 with `*position` moved but not yet at the limit.
 * When overtaken half way it returns what it has; the next call tells.
 */
int journal_select(const struct journal *journal,
                   const struct journal_want *wants, uint32_t count,
                   uint64_t *position, uint64_t limit, size_t bytes,
                   struct buffer *to);

/* Position of the first record with a seq above `seq`, or head. A seq whose
   successor is overwritten gives the tail. */
uint64_t journal_find(const struct journal *journal, uint64_t seq);

/* Position of the first record not older than `time_ms`, or head. */
uint64_t journal_find_time(const struct journal *journal, uint64_t time_ms);

/* The record's frame, HTTP chunk framing included. */
static inline const char *journal_frame(const struct journal_record *record)
{
    return (const char *)(record + 1);
}

#endif
