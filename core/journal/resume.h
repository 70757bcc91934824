/* SPDX-License-Identifier: MIT */
/*
 * Where a stream begins, and what it has lost. Loss is judged per channel: a
 * gap only if a record of a wanted channel, newer than the client's position,
 * was overwritten or lies outside that channel's `replay`.
 */
#ifndef STENTOR_JOURNAL_RESUME_H
#define STENTOR_JOURNAL_RESUME_H

#include <stdbool.h>

#include "base/text.h"
#include "journal/reader.h"

enum resume_gap {
    RESUME_NO_GAP,
    RESUME_EXPIRED,   /* older than what is held, or than `replay` allows */
    RESUME_RESTARTED, /* an id of another epoch */
    RESUME_LAGGED,    /* the ring overtook a slow client */
    RESUME_UNKNOWN,   /* not an id of ours */
    RESUME_REMOVED    /* the config has one of its channels no more */
};

enum resume_since { /* the values of enum stentor_since in brain/ffi.h */
                    RESUME_NOW,
                    RESUME_COUNT,
                    RESUME_TIME,
                    RESUME_ALL
};

struct resume {
    uint64_t position; /* read on from here */
    uint64_t seq;      /* of the position just before the next event */
    enum resume_gap gap;
    uint64_t from_seq; /* gap: the client's own position; 0: not verified */
    uint64_t to_seq;   /* gap: the last record that was lost */
};

/*
 * A newcomer that begins at `since` (`value` events or milliseconds, of each
 * channel, within its `replay`). Fills from_seq of the `wants`.
 */
void resume_since(const struct journal *journal, struct journal_want *wants,
                  uint32_t count, enum resume_since since, double value,
                  uint64_t now_ms, struct resume *resume);

/*
 * A client with an id. Fills from_seq of the `wants`. An id that is not ours
 * gives RESUME_UNKNOWN and begins at `since`; one of another epoch gives
 * RESUME_RESTARTED and begins with the oldest that `replay` allows.
 */
void resume_id(const struct journal *journal, struct journal_want *wants,
               uint32_t count, struct text id, enum resume_since since,
               double value, uint64_t now_ms, struct resume *resume);

/*
 * A live reader at `seq` whose position was overwritten: goes on at the tail,
 * with RESUME_LAGGED only if one of its channels lost something.
 */
void resume_overrun(const struct journal *journal,
                    const struct journal_want *wants, uint32_t count,
                    uint64_t seq, struct resume *resume);

/*
 * A live reader at `seq` that is too slow: goes on with the newest record of
 * its channels before the position `limit`, and RESUME_LAGGED for all between.
 * False if there is nothing between, or it was overwritten.
 */
bool resume_skip(const struct journal *journal,
                 const struct journal_want *wants, uint32_t count, uint64_t seq,
                 uint64_t limit, struct resume *resume);

/*
 * A live reader at `seq` that is too slow to be shown all before the position
 * `from`, where it goes on: RESUME_LAGGED for what it misses. False if none of
 * that is of its channels.
 */
bool resume_pass_over(const struct journal *journal,
                      const struct journal_want *wants, uint32_t count,
                      uint64_t seq, uint64_t from, struct resume *resume);

/* "expired", "restarted", "lagged", "unknown", "removed"; NULL for RESUME_NO_GAP. */
const char *resume_reason(enum resume_gap gap);

/* Adds the gap event, as one HTTP chunk if `chunked`. */
void resume_frame_gap(const struct journal *journal,
                      const struct resume *resume, bool chunked,
                      struct buffer *to);

#endif
