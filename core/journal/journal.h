/* SPDX-License-Identifier: MIT */
/*
 * The journal: a ring of framed events in shared memory with one writer and
 * any number of readers. This header makes and opens it and appends to it;
 * reader.h reads it, resume.h finds where a client goes on. The format is
 * layout.h.
 */
#ifndef STENTOR_JOURNAL_JOURNAL_H
#define STENTOR_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/layout.h"

/* One process's view; the memory belongs to the file. */
struct journal {
    struct journal_header *header;
    struct journal_channel *channels; /* channels_max rows */
    struct journal_mark *marks;       /* ring_bytes / JOURNAL_MARK_BYTES */
    char *ring;                       /* the first of the two views */
    uint64_t ring_bytes;
    size_t table_bytes; /* of the mapping before the ring */
    bool writable;
};

/* What to append; everything is borrowed for the call. */
struct journal_entry {
    uint32_t channel; /* an open row */
    uint32_t frame_bytes;
    const char *frame; /* as sse_frame makes it */
    const char *key;
    uint16_t key_bytes;
    uint8_t chunk_head;
    uint8_t flags; /* the writer's own: journal_record.flags */
};

/*
 * Makes an empty journal in `fd`, an empty memfd or file. `ring_bytes` is
 * rounded up to a multiple of JOURNAL_MARK_BYTES and to
 * JOURNAL_RING_BYTES_MIN. `error` receives a sentence when it fails.
 */
int journal_create(int fd, uint64_t ring_bytes, uint32_t channels_max,
                   char *error);

/*
 * Maps the journal in `fd`, which may be closed after. With `writable` this
 * process becomes the writer, of which there must be no other, and first makes
 * good what a writer that died left half done.
 */
int journal_open(struct journal *journal, int fd, bool writable, char *error);
void journal_close(struct journal *journal);

/* The seq that the next appended record will have. Writer only. */
uint64_t journal_next_seq(const struct journal *journal);

/* What the entry will take of the ring. */
uint64_t journal_entry_bytes(const struct journal_entry *entry);

/* Appending `bytes` overwrites the records that begin before this position. */
uint64_t journal_passes(const struct journal *journal, uint64_t bytes);

/* The writer: gives up all records up to the one at `position`, which is held,
   as an append that needs their room does. */
void journal_forget(struct journal *journal, uint64_t position);

/*
 * Appends `count` records as one: readers see all or none. Old records give
 * way. STENTOR_ETOOBIG when they are more than a quarter of the ring or 2 GB,
 * STENTOR_EREADONLY. Writer only.
 */
int journal_append(struct journal *journal, const struct journal_entry *entries,
                   uint32_t count, uint64_t time_ms);

#endif
