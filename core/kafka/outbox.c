/* SPDX-License-Identifier: MIT */
#include "kafka/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mirror.h"

enum { OUTBOX_PAGE_BYTES = 65536 };

int outbox_open(struct outbox *outbox, struct ledger *ledger,
                struct ledger_row *row, uint64_t bytes, char *error)
{
    *outbox = (struct outbox){ .ledger = ledger, .row = row };
    if (row->outbox_head == row->outbox_tail) {
        bytes = (bytes + OUTBOX_PAGE_BYTES - 1) / OUTBOX_PAGE_BYTES *
                OUTBOX_PAGE_BYTES;
        CHECK(bytes > 0 && bytes <= LEDGER_OUTBOX_BYTES_MAX);
        row->outbox_bytes = bytes;
    }
    outbox->mapped = row->outbox_bytes;
    outbox->ring = mirror_map(ledger->fd, (off_t)ledger_outbox(ledger, row),
                              outbox->mapped, true);
    if (outbox->ring != NULL)
        return 0;
    snprintf(error, STENTOR_ERROR_BYTES, "cannot map the outbox: %s",
             strerror(errno));
    return STENTOR_ESYSTEM;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox->ring != NULL)
        mirror_unmap(outbox->ring, outbox->mapped);
    outbox->ring = NULL;
}

const struct journal_record *outbox_record(const struct outbox *outbox,
                                           uint64_t position)
{
    const struct ledger_row *row = outbox->row;
    CHECK(position >= row->outbox_tail && position < row->outbox_head);
    return (const void *)(outbox->ring + position % row->outbox_bytes);
}

uint64_t outbox_bytes(size_t frame_bytes, size_t key_bytes)
{
    return (sizeof(struct journal_record) + frame_bytes + key_bytes + 7) &
           ~(uint64_t)7;
}

int outbox_add(struct outbox *outbox, const struct journal_record *record,
               struct text key)
{
    struct ledger_row *row = outbox->row;
    uint64_t size = outbox_bytes(record->frame_bytes, key.size);
    if (outbox_used(outbox) + size > row->outbox_bytes)
        return STENTOR_EFULL;
    char *place = outbox->ring + row->outbox_head % row->outbox_bytes;
    size_t whole = sizeof *record + record->frame_bytes;
    struct journal_record *copy = (void *)place;
    memcpy(place, record, whole);
    memcpy(place + whole, key.bytes, key.size);
    copy->key_bytes = (uint16_t)key.size;
    copy->size = (uint32_t)size;
    /* A brain that dies here has added nothing. */
    __atomic_store_n(&row->outbox_head, row->outbox_head + size,
                     __ATOMIC_RELEASE);
    return 0;
}

/* The pages of a used outbox go back to the system. */
static void give_back(const struct outbox *outbox)
{
    fallocate(outbox->ledger->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              (off_t)ledger_outbox(outbox->ledger, outbox->row),
              (off_t)outbox->row->outbox_bytes);
}

void outbox_drop(struct outbox *outbox)
{
    struct ledger_row *row = outbox->row;
    uint32_t size = outbox_record(outbox, row->outbox_tail)->size;
    __atomic_store_n(&row->outbox_tail, row->outbox_tail + size,
                     __ATOMIC_RELEASE);
    if (outbox_used(outbox) == 0)
        give_back(outbox);
}
