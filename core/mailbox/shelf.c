/* SPDX-License-Identifier: MIT */
/*
 * The file: the header, the table of rows, the links of the blocks, and the
 * blocks. A row holds two versions of its record and the word that says which
 * of them counts. A put fills free blocks and the version that does not count;
 * the store of `current` makes it the record. What is free is nowhere written
 * down but follows from the rows, so nothing is left to be mended after a
 * death: the next writer looks at the rows and knows.
 */
#include "mailbox/shelf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    SHELF_ROW_BLOCKS = 64, /* one row for so many blocks */
    SHELF_ROWS_MIN = 64,
    SHELF_ROWS_MAX = 4096,
    SHELF_BLOCKS_MAX = 1 << 26 /* 64 GB */
};

struct version {
    uint64_t size;
    uint64_t checksum; /* of the name and the bytes */
    uint32_t first;    /* block, if there are bytes */
    uint32_t reserved;
};

struct shelf_row {
    uint32_t current; /* atomic; 0: the row is empty, else the version + 1 */
    uint32_t name_bytes;
    struct version versions[2];
    char name[SHELF_NAME_BYTES]; /* NUL-terminated; changes in an empty row */
};

static int fail(char *error, const char *what)
{
    snprintf(error, STENTOR_ERROR_BYTES, "shelf: %s: %s", what,
             strerror(errno));
    return STENTOR_ESYSTEM;
}

/* --- the file --- */

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + SHELF_BLOCK_BYTES - 1) / SHELF_BLOCK_BYTES *
           SHELF_BLOCK_BYTES;
}

static uint64_t rows_at(void)
{
    return aligned(sizeof(struct shelf_header));
}

static uint64_t next_at(uint32_t rows)
{
    return rows_at() + aligned(rows * sizeof(struct shelf_row));
}

static uint64_t blocks_at(uint32_t rows, uint32_t blocks)
{
    return next_at(rows) + aligned(blocks * sizeof(uint32_t));
}

static uint64_t file_bytes(uint32_t rows, uint32_t blocks)
{
    return blocks_at(rows, blocks) + (uint64_t)blocks * SHELF_BLOCK_BYTES;
}

static int map(struct shelf *shelf, int fd, char *error)
{
    void *memory =
        mmap(NULL, shelf->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return fail(error, "cannot map it");
    shelf->header = memory;
    return 0;
}

int shelf_create(int fd, uint64_t bytes, char *error)
{
    uint64_t blocks = aligned(bytes) / SHELF_BLOCK_BYTES;
    if (blocks == 0 || blocks > SHELF_BLOCKS_MAX) {
        snprintf(error, STENTOR_ERROR_BYTES, "shelf: of no possible size");
        return STENTOR_EINVALID;
    }
    uint64_t rows = blocks / SHELF_ROW_BLOCKS;
    if (rows < SHELF_ROWS_MIN)
        rows = SHELF_ROWS_MIN;
    if (rows > SHELF_ROWS_MAX)
        rows = SHELF_ROWS_MAX;
    struct shelf shelf = { .bytes =
                               file_bytes((uint32_t)rows, (uint32_t)blocks) };
    if (ftruncate(fd, (off_t)shelf.bytes) != 0)
        return fail(error, "cannot size it");
    int code = map(&shelf, fd, error);
    if (code != 0)
        return code;
    shelf.header->magic = SHELF_MAGIC;
    shelf.header->version = SHELF_VERSION;
    shelf.header->rows = (uint32_t)rows;
    shelf.header->blocks = (uint32_t)blocks;
    shelf_close(&shelf);
    return 0;
}

int shelf_open(struct shelf *shelf, int fd, char *error)
{
    struct stat file;
    memset(shelf, 0, sizeof *shelf);
    if (fstat(fd, &file) != 0)
        return fail(error, "cannot stat it");
    shelf->bytes = (uint64_t)file.st_size;
    if (shelf->bytes < sizeof(struct shelf_header)) {
        snprintf(error, STENTOR_ERROR_BYTES, "shelf: it is too short");
        return STENTOR_EINVALID;
    }
    int code = map(shelf, fd, error);
    if (code != 0)
        return code;
    const struct shelf_header *header = shelf->header;
    if (header->magic != SHELF_MAGIC || header->version != SHELF_VERSION) {
        snprintf(error, STENTOR_ERROR_BYTES, "shelf: not of this version");
        code = STENTOR_EVERSION;
    } else if (shelf->bytes != file_bytes(header->rows, header->blocks)) {
        snprintf(error, STENTOR_ERROR_BYTES, "shelf: its sizes do not fit");
        code = STENTOR_EINVALID;
    }
    if (code != 0) {
        shelf_close(shelf);
        return code;
    }
    char *memory = (char *)shelf->header;
    shelf->rows = (void *)(memory + rows_at());
    shelf->next = (void *)(memory + next_at(header->rows));
    shelf->blocks = memory + blocks_at(header->rows, header->blocks);
    return 0;
}

void shelf_close(struct shelf *shelf)
{
    if (shelf->header != NULL)
        munmap(shelf->header, shelf->bytes);
    free(shelf->free);
    memset(shelf, 0, sizeof *shelf);
}

/* --- rows --- */

/* The version that counts; NULL: the row is empty. */
static struct version *version_of(struct shelf_row *row)
{
    uint32_t current = __atomic_load_n(&row->current, __ATOMIC_ACQUIRE);
    return current == 0 ? NULL : &row->versions[(current - 1) & 1];
}

static struct shelf_row *find(const struct shelf *shelf, struct text name)
{
    for (uint32_t i = 0; i < shelf->header->rows; i++) {
        struct shelf_row *row = &shelf->rows[i];
        if (row->name_bytes == name.size && version_of(row) != NULL &&
            memcmp(row->name, name.bytes, name.size) == 0)
            return row;
    }
    return NULL;
}

static struct shelf_row *find_empty(const struct shelf *shelf)
{
    for (uint32_t i = 0; i < shelf->header->rows; i++)
        if (version_of(&shelf->rows[i]) == NULL)
            return &shelf->rows[i];
    return NULL;
}

/* --- blocks --- */

static uint32_t blocks_for(uint64_t size)
{
    return (uint32_t)((size + SHELF_BLOCK_BYTES - 1) / SHELF_BLOCK_BYTES);
}

static char *block_of(const struct shelf *shelf, uint32_t number)
{
    return shelf->blocks + (uint64_t)number * SHELF_BLOCK_BYTES;
}

static uint64_t checksum_begin(const struct shelf_row *row, uint64_t size)
{
    return checksum_add(size + 1, row->name, row->name_bytes);
}

/* Notes the blocks of a record as used. False if its links lead astray: out of
   the file, or into another's blocks. */
static bool mark_used(const struct shelf *shelf, const struct version *version,
                      uint8_t *used)
{
    uint32_t blocks = shelf->header->blocks, block = version->first;
    if (version->size > (uint64_t)blocks * SHELF_BLOCK_BYTES)
        return false;
    for (uint32_t left = blocks_for(version->size); left > 0; left--) {
        if (block >= blocks || used[block])
            return false;
        used[block] = 1;
        block = shelf->next[block];
    }
    return true;
}

static void show(const struct shelf *shelf, int32_t rows)
{
    struct shelf_header *header = shelf->header;
    __atomic_store_n(&header->used_blocks, header->blocks - shelf->free_count,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&header->used_rows, header->used_rows + (uint32_t)rows,
                     __ATOMIC_RELAXED);
}

static int is_damaged(const struct shelf *shelf)
{
    __atomic_add_fetch(&shelf->header->damaged, 1, __ATOMIC_RELAXED);
    return STENTOR_EINVALID;
}

/* To be called before each change: knows what is free, and tells others that
   they do not know it any more. */
static void begin_change(struct shelf *shelf)
{
    struct shelf_header *header = shelf->header;
    if (shelf->free == NULL || shelf->changes != header->changes) {
        uint8_t *used = xcalloc(header->blocks, 1);
        uint32_t rows = 0;
        for (uint32_t i = 0; i < header->rows; i++) {
            struct version *version = version_of(&shelf->rows[i]);
            if (version == NULL)
                continue;
            if (mark_used(shelf, version, used)) {
                rows++;
            } else {
                is_damaged(shelf);
                __atomic_store_n(&shelf->rows[i].current, 0, __ATOMIC_RELEASE);
            }
        }
        if (shelf->free == NULL)
            shelf->free = xmalloc(header->blocks * sizeof *shelf->free);
        shelf->free_count = 0;
        /* Low numbers end on top: memory never used is not touched early. */
        for (uint32_t i = header->blocks; i-- > 0;)
            if (!used[i])
                shelf->free[shelf->free_count++] = i;
        free(used);
        show(shelf, (int32_t)(rows - header->used_rows));
    }
    shelf->changes = header->changes + 1;
    __atomic_store_n(&header->changes, shelf->changes, __ATOMIC_RELEASE);
}

static void release(struct shelf *shelf, const struct version *version)
{
    uint32_t block = version->first;
    for (uint32_t left = blocks_for(version->size); left > 0; left--) {
        CHECK(block < shelf->header->blocks &&
              shelf->free_count < shelf->header->blocks);
        shelf->free[shelf->free_count++] = block;
        block = shelf->next[block];
    }
}

/* Fills free blocks, of which there are enough; returns the first. */
static uint32_t store(struct shelf *shelf, struct text bytes, uint64_t *sum)
{
    uint32_t first = 0, *link = &first;
    for (size_t at = 0; at < bytes.size;) {
        size_t left = bytes.size - at;
        size_t part = left < SHELF_BLOCK_BYTES ? left : SHELF_BLOCK_BYTES;
        CHECK(shelf->free_count > 0);
        uint32_t block = shelf->free[--shelf->free_count];
        memcpy(block_of(shelf, block), bytes.bytes + at, part);
        *sum = checksum_add(*sum, bytes.bytes + at, part);
        *link = block;
        link = &shelf->next[block];
        at += part;
    }
    return first;
}

/* --- what it is for --- */

static int refuse(const struct shelf *shelf)
{
    __atomic_add_fetch(&shelf->header->refused, 1, __ATOMIC_RELAXED);
    return STENTOR_EFULL;
}

int shelf_put(struct shelf *shelf, struct text name, struct text bytes)
{
    if (name.size == 0 || name.size >= SHELF_NAME_BYTES)
        return STENTOR_EINVALID;
    begin_change(shelf);
    struct shelf_row *row = find(shelf, name);
    struct version *old = row == NULL ? NULL : version_of(row);
    if (bytes.size > (uint64_t)shelf->free_count * SHELF_BLOCK_BYTES)
        return refuse(shelf);
    if (row == NULL) {
        row = find_empty(shelf);
        if (row == NULL)
            return refuse(shelf);
        memcpy(row->name, name.bytes, name.size);
        row->name[name.size] = '\0';
        row->name_bytes = (uint32_t)name.size;
    }
    uint32_t other = old == &row->versions[0] ? 1 : 0;
    struct version *version = &row->versions[other];
    uint64_t sum = checksum_begin(row, bytes.size);
    version->first = store(shelf, bytes, &sum);
    version->size = bytes.size;
    version->checksum = sum;
    __atomic_store_n(&row->current, other + 1, __ATOMIC_RELEASE);
    if (old != NULL)
        release(shelf, old);
    show(shelf, old == NULL);
    return 0;
}

int shelf_get(const struct shelf *shelf, struct text name, struct buffer *to)
{
    struct shelf_row *row = find(shelf, name);
    if (row == NULL)
        return STENTOR_ENOTFOUND;
    const struct version *version = version_of(row);
    uint32_t blocks = shelf->header->blocks, block = version->first;
    uint64_t left = version->size;
    if (left > (uint64_t)blocks * SHELF_BLOCK_BYTES)
        return is_damaged(shelf);
    char *place = buffer_reserve(to, left);
    uint64_t sum = checksum_begin(row, left);
    while (left > 0) {
        size_t part = left < SHELF_BLOCK_BYTES ? left : SHELF_BLOCK_BYTES;
        if (block >= blocks)
            return is_damaged(shelf);
        memcpy(place, block_of(shelf, block), part);
        sum = checksum_add(sum, place, part);
        block = shelf->next[block];
        place += part;
        left -= part;
    }
    if (sum != version->checksum)
        return is_damaged(shelf);
    to->size += version->size;
    return 0;
}

int shelf_remove(struct shelf *shelf, struct text name)
{
    struct shelf_row *row = find(shelf, name);
    if (row == NULL)
        return STENTOR_ENOTFOUND;
    begin_change(shelf);
    const struct version *version = version_of(row);
    if (version == NULL) /* its links were found to lead astray */
        return STENTOR_ENOTFOUND;
    __atomic_store_n(&row->current, 0, __ATOMIC_RELEASE);
    release(shelf, version);
    show(shelf, -1);
    return 0;
}

const char *shelf_name(const struct shelf *shelf, uint32_t row)
{
    if (row >= shelf->header->rows)
        return NULL;
    return version_of(&shelf->rows[row]) == NULL ? "" : shelf->rows[row].name;
}
