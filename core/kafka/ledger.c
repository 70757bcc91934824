/* SPDX-License-Identifier: MIT */
#include "kafka/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { LEDGER_PAGE_BYTES = 65536 };

static uint64_t round_up(uint64_t value)
{
    return (value + LEDGER_PAGE_BYTES - 1) & ~(uint64_t)(LEDGER_PAGE_BYTES - 1);
}

static uint64_t table_bytes(void)
{
    return LEDGER_PAGE_BYTES +
           round_up(LEDGER_ROWS * sizeof(struct ledger_row));
}

static uint64_t file_bytes(void)
{
    return table_bytes() + LEDGER_ROWS * LEDGER_OUTBOX_BYTES_MAX;
}

static int fail(int code, char *error, const char *what)
{
    if (code == STENTOR_ESYSTEM)
        snprintf(error, STENTOR_ERROR_BYTES, "%s: %s", what, strerror(errno));
    else
        snprintf(error, STENTOR_ERROR_BYTES, "%s", what);
    return code;
}

int ledger_create(int fd, char *error)
{
    struct ledger_header header = { LEDGER_MAGIC, LEDGER_VERSION };
    if (ftruncate(fd, (off_t)file_bytes()) != 0 ||
        pwrite(fd, &header, sizeof header, 0) != sizeof header)
        return fail(STENTOR_ESYSTEM, error, "cannot size the Kafka ledger");
    return 0;
}

int ledger_open(struct ledger *ledger, int fd, char *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail(STENTOR_ESYSTEM, error, "cannot read the Kafka ledger");
    if ((uint64_t)status.st_size != file_bytes())
        return fail(STENTOR_EVERSION, error,
                    "the Kafka ledger was made by another version of Stentor");
    char *base =
        mmap(NULL, table_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail(STENTOR_ESYSTEM, error, "cannot map the Kafka ledger");
    ledger->header = (void *)base;
    ledger->rows = (void *)(base + LEDGER_PAGE_BYTES);
    ledger->fd = fd;
    if (ledger->header->magic == LEDGER_MAGIC &&
        ledger->header->version == LEDGER_VERSION)
        return 0;
    munmap(base, table_bytes());
    return fail(STENTOR_EVERSION, error, "this is not a Kafka ledger");
}

void ledger_close(struct ledger *ledger)
{
    munmap(ledger->header, table_bytes());
    close(ledger->fd);
}

static void begin_row(struct ledger_row *row, struct text name, uint64_t epoch,
                      uint64_t position, uint64_t seq)
{
    memset(row, 0, sizeof *row);
    row->epoch = epoch;
    row->position = position;
    row->seq = seq;
    for (int i = 0; i < LEDGER_PARTITIONS_MAX; i++)
        row->offsets[i] = -1;
    /* Last: a row with a name is a whole one. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(row->name, name.bytes, name.size);
}

struct ledger_row *ledger_row(struct ledger *ledger, struct text name,
                              uint64_t epoch, uint64_t position, uint64_t seq)
{
    struct ledger_row *unused = NULL;
    if (name.size == 0 || name.size >= LEDGER_NAME_BYTES)
        return NULL;
    for (int i = 0; i < LEDGER_ROWS; i++) {
        struct ledger_row *row = &ledger->rows[i];
        if (text_equals(name, row->name)) {
            if (row->epoch != epoch)
                begin_row(row, name, epoch, position, seq);
            return row;
        }
        if (row->name[0] == '\0' && unused == NULL)
            unused = row;
    }
    if (unused != NULL)
        begin_row(unused, name, epoch, position, seq);
    return unused;
}

uint64_t ledger_outbox(const struct ledger *ledger,
                       const struct ledger_row *row)
{
    return table_bytes() +
           (uint64_t)(row - ledger->rows) * LEDGER_OUTBOX_BYTES_MAX;
}
