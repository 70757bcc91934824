/* SPDX-License-Identifier: MIT */
/*
 * The records of one fan-out pass, in chains by channel, so that an audience's
 * bytes cost what its own records cost and not what the batch does.
 */
#ifndef STENTOR_WORKER_BATCH_H
#define STENTOR_WORKER_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "journal/reader.h"

struct batch_record {
    uint32_t at;   /* where it starts in `bytes` */
    uint32_t next; /* index + 1 of the channel's next one; 0: none */
};

struct batch_chain {
    uint32_t first; /* index + 1; 0: none */
    uint32_t last;
};

struct batch {
    struct buffer bytes;        /* whole records, from journal_copy */
    struct buffer records;      /* struct batch_record, of followed channels */
    struct batch_chain *chains; /* by channel */
    uint32_t channels;
    struct buffer order; /* uint32_t: what batch_compose is putting in order */
};

/* Where one record's frame ends in the bytes of an audience. */
struct batch_cut {
    uint32_t end;
    uint32_t at; /* the record, in batch.bytes */
};

/* The bytes of one audience. */
struct batch_frames {
    struct buffer bytes;
    struct buffer cuts; /* struct batch_cut, one for each record */
};

void batch_init(struct batch *batch, uint32_t channels);
void batch_done(struct batch *batch);

/* Empties it for the next pass. */
void batch_clear(struct batch *batch);

/* Chains the record at `at`; true if it is the first of its channel. */
bool batch_chain(struct batch *batch, uint32_t at);

/* Makes the bytes of who follows `wants`, in the journal's order. */
void batch_compose(struct batch *batch, const struct journal_want *wants,
                   uint32_t count, bool chunked, struct batch_frames *frames);

/* How many bytes that would be. */
uint64_t batch_measure(const struct batch *batch,
                       const struct journal_want *wants, uint32_t count,
                       bool chunked);

/* The record in whose frame byte number `written` lies: the first that is not
   written whole when so many bytes are. */
const struct batch_cut *batch_cut_at(const struct batch_frames *frames,
                                     size_t written);

static inline const struct journal_record *batch_record_at(
    const struct batch *batch, uint32_t at)
{
    return (const struct journal_record *)(const void *)(batch->bytes.bytes +
                                                         at);
}

static inline uint32_t batch_count(const struct batch_frames *frames)
{
    return (uint32_t)(frames->cuts.size / sizeof(struct batch_cut));
}

/* The bytes of a record as a client of this framing gets them. */
static inline struct text batch_frame(const struct journal_record *record,
                                      bool chunked)
{
    const char *frame = journal_frame(record);
    if (chunked)
        return text_of(frame, record->frame_bytes);
    return text_of(frame + record->chunk_head,
                   record->frame_bytes - record->chunk_head - 2U);
}

#endif
