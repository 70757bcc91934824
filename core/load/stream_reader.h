/* SPDX-License-Identifier: MIT */
/*
 * Reads one event stream as it comes and checks it: events are counted, those
 * of our publisher are checked for order and their latency is noted. It never
 * keeps an event, only the beginning of a line that is not whole yet.
 *
 * Order: within a lane the numbers must be consecutive. A jump forward counts
 * the numbers left out as missing. A number that comes late is taken for one
 * of the missing (reordered) while there are any, else for a duplicate. What
 * is missing at the end is lost.
 */
#ifndef STENTOR_LOAD_STREAM_READER_H
#define STENTOR_LOAD_STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/body.h"
#include "load/payload.h"
#include "load/tally.h"

/* What all readers of a process have in common. */
enum { STREAM_ID_BYTES = 150 }; /* of an id that can be resumed from */

struct stream_id {
    uint8_t size; /* 0: none */
    char bytes[STREAM_ID_BYTES];
};

struct stream_context {
    struct load_tally *tally;
    struct load_shared *shared;
    const char *run; /* the tag of this run's payloads */
    uint32_t lanes;
    bool keeps_ids; /* the streams are to be resumed */
};

struct stream_reader {
    struct body body;
    struct stream_id *ids; /* of the last event, of the one being read */
    uint32_t *next;        /* by lane: the number that must come; 0: any */
    uint32_t missing;      /* numbers left out so far */
    uint16_t held;         /* bytes of an unfinished line, in `line` */
    bool after_cr;         /* an LF that comes now belongs to the CR before */
    bool is_past_bom;      /* the first line has been seen */
    bool has_data;         /* the event being read has a data line */
    bool is_gap;           /* … and is named "gap" */
    bool is_ours;          /* … and carries our publisher's payload */
    bool has_event;        /* an event has ever arrived */
    uint32_t lane;         /* of the event being read, if it is ours */
    uint32_t number;
    uint64_t sent_us;
    uint64_t since_us; /* set by the owner: when this stream was asked for; what
                          was sent before is replayed, not late */
    uint64_t back_from_us; /* set by the owner: when it could come back from a
                              storm; 0 once it has an event again */
    char line[PAYLOAD_PREFIX_BYTES];
};

/* `expects_all`: the stream began before publishing did, so the first number
   of every lane must arrive, not just those after the first seen. */
void load_stream_reader_init(struct stream_reader *reader,
                             const struct stream_context *context,
                             const struct body *body, bool expects_all);

/* The same client's next stream, to which it came with load_stream_reader_id:
   its order is judged as if the old one went on. */
void load_stream_reader_resume(struct stream_reader *reader,
                               const struct body *body);

/* The id to resume from; NULL if there is none or they are not kept. */
const struct stream_id *load_stream_reader_id(
    const struct stream_reader *reader);

void load_stream_reader_done(struct stream_reader *reader);

/* Reads bytes as they came from the socket at the time `now_us`. False when
   the body is over or its framing is broken. */
bool load_stream_reader_feed(struct stream_reader *reader,
                             const struct stream_context *context,
                             const char *bytes, size_t size, uint64_t now_us);

/* Has every event that was accepted so far arrived? */
bool load_stream_reader_is_complete(const struct stream_reader *reader,
                                    const struct stream_context *context);

/* The numbers that never came, of those that were accepted. */
uint64_t load_stream_reader_lost(const struct stream_reader *reader,
                                 const struct stream_context *context);

#endif
