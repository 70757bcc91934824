/* SPDX-License-Identifier: MIT */
/*
 * The shelf: named records of bytes in shared memory of the supervisor's, where
 * a brain leaves what the next one shall find, whether it was told to go or
 * was killed. One writer at a time (the brain in charge).
 *
 * A record is replaced as a whole: whenever the writer dies, a reader finds the
 * old bytes or the new ones, never a mixture; a checksum tells what was spoiled
 * by other means. Records lie in blocks of SHELF_BLOCK_BYTES, so that room
 * never splinters, and the old bytes hold theirs until the new ones are whole:
 * a record that is to be replaced may fill half of the shelf.
 */
#ifndef STENTOR_MAILBOX_SHELF_H
#define STENTOR_MAILBOX_SHELF_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

enum {
    SHELF_MAGIC = 0x53485354,
    SHELF_VERSION = 1,
    SHELF_BLOCK_BYTES = 1024,
    SHELF_NAME_BYTES = 200 /* of a record's name, NUL included */
};

struct shelf_header {
    uint32_t magic;
    uint32_t version;
    uint32_t rows;   /* of the table: records at most */
    uint32_t blocks; /* for their bytes */

    /* For the status; atomic. */
    uint32_t used_rows;
    uint32_t used_blocks;
    uint64_t refused; /* records for which there was no room */
    uint64_t damaged; /* times that a record was found spoiled */

    /* Grows before each change: another writer sees by it that its own notes
       of what is free are stale. */
    uint64_t changes;
};

struct shelf_row;

/* One process's view; the memory belongs to the file. */
struct shelf {
    struct shelf_header *header;
    struct shelf_row *rows;
    uint32_t *next; /* of each block: the one that follows it in its record */
    char *blocks;
    uint64_t bytes;

    /* The writer's notes, true while `changes` is the header's. */
    uint32_t *free; /* a stack of block numbers; NULL: none taken yet */
    uint32_t free_count;
    uint64_t changes;
};

/* Makes an empty shelf for `bytes` of records in `fd`, an empty memfd. `error`
   receives a sentence when it fails. */
int shelf_create(int fd, uint64_t bytes, char *error);

/* Maps the shelf in `fd`, which may be closed after. */
int shelf_open(struct shelf *shelf, int fd, char *error);
void shelf_close(struct shelf *shelf);

/* Puts the bytes in the place of what was under `name`. STENTOR_EFULL: no room
   (the old record stays); STENTOR_EINVALID: an empty name or one of
   SHELF_NAME_BYTES or more. Writer only. */
int shelf_put(struct shelf *shelf, struct text name, struct text bytes);

/* Adds the record's bytes to `to`. STENTOR_ENOTFOUND: there is none;
   STENTOR_EINVALID: it is spoiled (and `to` as it was). */
int shelf_get(const struct shelf *shelf, struct text name, struct buffer *to);

/* STENTOR_ENOTFOUND: there was none. Writer only. */
int shelf_remove(struct shelf *shelf, struct text name);

/* The name in a row of the table, "" if that is empty; NULL past the last. */
const char *shelf_name(const struct shelf *shelf, uint32_t row);

#endif
