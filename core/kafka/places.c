/* SPDX-License-Identifier: MIT */
/*
 * The order of the stores is what makes a death at any point harmless, so
 * those that others have to see in order are release stores: the reader is the
 * next writer, after the death of the first.
 */
#include "kafka/places.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"

enum { PLACES_MAGIC = 0x504c4143, PLACES_VERSION = 1 };

struct places_header {
    uint32_t magic;
    uint32_t version;
    struct places_row rows[PLACES_ROWS_MAX];
    struct place cells[PLACES_CELLS_MAX];
};

static int fail(char *error, const char *what)
{
    snprintf(error, STENTOR_ERROR_BYTES, "places of the sources: %s: %s", what,
             strerror(errno));
    return STENTOR_ESYSTEM;
}

static struct places_header *map(int fd)
{
    void *at = mmap(NULL, sizeof(struct places_header), PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

int places_create(int fd, char *error)
{
    if (ftruncate(fd, sizeof(struct places_header)) != 0)
        return fail(error, "cannot be made");
    struct places_header *header = map(fd);
    if (header == NULL)
        return fail(error, "cannot be mapped");
    header->version = PLACES_VERSION;
    header->magic = PLACES_MAGIC;
    munmap(header, sizeof *header);
    return 0;
}

int places_open(struct places *places, int fd, char *error)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return fail(error, "no such file");
    struct places_header *header = NULL;
    if (file.st_size == (off_t)sizeof *header)
        header = map(fd);
    if (header == NULL)
        return fail(error, "cannot be mapped");
    if (header->magic != PLACES_MAGIC || header->version != PLACES_VERSION) {
        munmap(header, sizeof *header);
        snprintf(error, STENTOR_ERROR_BYTES,
                 "places of the sources: made by another version");
        return STENTOR_EVERSION;
    }
    *places = (struct places){ header, header->rows, header->cells, 0 };
    return 0;
}

void places_close(struct places *places)
{
    if (places->header != NULL)
        munmap(places->header, sizeof *places->header);
    places->header = NULL;
}

struct place *places_next(struct places *places, const struct places_row *row,
                          uint32_t *at)
{
    uint32_t mark = (uint32_t)(row - places->rows) + 1;
    while (*at < PLACES_CELLS_MAX) {
        struct place *place = &places->cells[(*at)++];
        if (place->row == mark)
            return place;
    }
    return NULL;
}

/* --- after a death --- */

/* Never back: what lies between was gone when it was looked for. */
static void move(struct place *place)
{
    if (place->pending > place->next)
        place->next = place->pending;
}

/* The same as places_end, for all places: a death in here is harmless too. */
static void settle_pending(struct places *places, struct places_row *row,
                           bool appended)
{
    struct place *place;
    for (uint32_t at = 0; (place = places_next(places, row, &at)) != NULL;)
        if (appended)
            move(place);
    __atomic_store_n(&row->pending_seq, 0, __ATOMIC_RELEASE);
    for (uint32_t at = 0; (place = places_next(places, row, &at)) != NULL;)
        place->pending = -1;
}

void places_settle(struct places *places, uint64_t next_seq)
{
    for (uint32_t i = 0; i < PLACES_ROWS_MAX; i++) {
        struct places_row *row = &places->rows[i];
        row->claimed = 0;
        if (row->used == 0)
            continue;
        settle_pending(places, row,
                       row->pending_seq != 0 && next_seq >= row->pending_seq);
    }
}

/* --- rows and cells --- */

static struct places_row *find_row(struct places *places, struct text name)
{
    for (uint32_t i = 0; i < PLACES_ROWS_MAX; i++)
        if (places->rows[i].used != 0 &&
            text_equals(name, places->rows[i].name))
            return &places->rows[i];
    return NULL;
}

static struct places_row *free_row(struct places *places)
{
    struct places_row *unclaimed = NULL;
    for (uint32_t i = 0; i < PLACES_ROWS_MAX; i++) {
        struct places_row *row = &places->rows[i];
        if (row->used == 0)
            return row;
        if (row->claimed == 0 && unclaimed == NULL)
            unclaimed = row;
    }
    return unclaimed;
}

static void free_cells(struct places *places, const struct places_row *row)
{
    struct place *place;
    for (uint32_t at = 0; (place = places_next(places, row, &at)) != NULL;)
        place->row = 0;
}

struct places_row *places_claim(struct places *places, struct text name)
{
    CHECK(name.size > 0 && name.size < PLACES_NAME_BYTES);
    struct places_row *row = find_row(places, name);
    if (row == NULL) {
        row = free_row(places);
        if (row == NULL)
            return NULL;
        free_cells(places, row);
        *row = (struct places_row){ .used = 0 };
        memcpy(row->name, name.bytes, name.size);
        __atomic_store_n(&row->used, 1, __ATOMIC_RELEASE);
    }
    row->claimed = 1;
    return row;
}

struct place *places_of(struct places *places, const struct places_row *row,
                        int32_t partition)
{
    struct place *place, *empty = NULL;
    for (uint32_t at = 0; (place = places_next(places, row, &at)) != NULL;)
        if (place->partition == partition)
            return place;
    for (uint32_t i = 0; i < PLACES_CELLS_MAX && empty == NULL; i++)
        if (places->cells[i].row == 0)
            empty = &places->cells[i];
    if (empty == NULL)
        return NULL;
    empty->partition = partition;
    empty->next = empty->pending = -1;
    __atomic_store_n(&empty->row, (uint32_t)(row - places->rows) + 1,
                     __ATOMIC_RELEASE);
    return empty;
}

void places_forget(struct places *places, const struct places_row *row)
{
    struct place *place;
    for (uint32_t at = 0; (place = places_next(places, row, &at)) != NULL;)
        place->next = place->pending = -1;
}

/* --- together with the journal --- */

void places_begin(struct places_row *row, uint64_t seq)
{
    __atomic_store_n(&row->pending_seq, seq, __ATOMIC_RELEASE);
}

void places_end(struct places_row *row, struct place *const *touched,
                uint32_t count, bool appended)
{
    for (uint32_t i = 0; i < count && appended; i++)
        move(touched[i]);
    FAULT_POINT("feed: moved");
    /* Only then: until here a new writer would do the same again. */
    __atomic_store_n(&row->pending_seq, 0, __ATOMIC_RELEASE);
    FAULT_POINT("feed: settled");
    for (uint32_t i = 0; i < count; i++)
        touched[i]->pending = -1;
}
