/* SPDX-License-Identifier: MIT */
#include "supervisor/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "journal/journal.h"
#include "kafka/ledger.h"
#include "kafka/places.h"
#include "mailbox/bell.h"
#include "mailbox/mailbox.h"
#include "mailbox/shelf.h"

enum {
    OBJECTS_RING_BYTES_MIN = 4 << 20,
    OBJECTS_HEADERS_BYTES = 65536 /* of a response; and the rest of a message */
};

void objects_init(struct objects *objects)
{
    memset(objects, 0, sizeof *objects);
    objects->journal = objects->journal_reader = -1;
    objects->board_file = objects->shelf = objects->ledger = -1;
    objects->places = -1;
    objects->brain_bell = -1;
    memset(objects->bells, -1, sizeof objects->bells);
    memset(objects->mailboxes, -1, sizeof objects->mailboxes);
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void objects_close(struct objects *objects)
{
    board_close(&objects->board);
    if (objects->history.header != NULL)
        journal_close(&objects->history);
    close_file(&objects->journal);
    close_file(&objects->journal_reader);
    close_file(&objects->board_file);
    close_file(&objects->shelf);
    close_file(&objects->ledger);
    close_file(&objects->places);
    close_file(&objects->brain_bell);
    for (uint32_t i = 0; i < CONTROL_WORKERS_MAX; i++) {
        close_file(&objects->bells[i]);
        close_file(&objects->mailboxes[i]);
    }
}

static int fail(char *error, const char *what)
{
    snprintf(error, STENTOR_ERROR_BYTES, "cannot make the %s: %s", what,
             strerror(errno));
    return STENTOR_ESYSTEM;
}

static int new_file(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* The size is now for ever: no process can make another's reads fault. */
static int seal(int fd, const char *name, char *error)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : fail(error, name);
}

/* A descriptor of the same memory that only reads. */
static int reopen_read_only(int fd)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_journal(struct objects *objects,
                        const struct stentor_plan *plan, char *error)
{
    objects->journal = new_file("stentor: journal");
    if (objects->journal < 0)
        return fail(error, "journal");
    int code = journal_create(objects->journal, plan->journal_bytes,
                              plan->limits.channels, error);
    if (code == 0)
        code = seal(objects->journal, "journal", error);
    if (code != 0)
        return code;
    objects->journal_reader = reopen_read_only(objects->journal);
    if (objects->journal_reader < 0)
        return fail(error, "journal");
    return journal_open(&objects->history, objects->journal_reader, false,
                        error);
}

static int open_board(struct objects *objects, const struct stentor_plan *plan,
                      char *error)
{
    objects->board_file = new_file("stentor: board");
    if (objects->board_file < 0)
        return fail(error, "board");
    int code = board_create(objects->board_file, 0, plan->limits.channels,
                            plan->limits.addresses, error);
    if (code == 0)
        code = seal(objects->board_file, "board", error);
    if (code == 0)
        code = board_open(&objects->board, objects->board_file, error);
    return code;
}

static int open_shelf(struct objects *objects, const struct stentor_plan *plan,
                      char *error)
{
    objects->shelf = new_file("stentor: shelf");
    if (objects->shelf < 0)
        return fail(error, "shelf");
    int code = shelf_create(objects->shelf, plan->kept_bytes, error);
    return code == 0 ? seal(objects->shelf, "shelf", error) : code;
}

static int open_ledger(struct objects *objects, char *error)
{
    objects->ledger = new_file("stentor: kafka ledger");
    if (objects->ledger < 0)
        return fail(error, "Kafka ledger");
    int code = ledger_create(objects->ledger, error);
    return code == 0 ? seal(objects->ledger, "Kafka ledger", error) : code;
}

static int open_places(struct objects *objects, char *error)
{
    objects->places = new_file("stentor: kafka places");
    if (objects->places < 0)
        return fail(error, "Kafka places");
    int code = places_create(objects->places, error);
    return code == 0 ? seal(objects->places, "Kafka places", error) : code;
}

static int open_bell(int *bell, char *error)
{
    *bell = bell_new();
    return *bell < 0 ? fail(error, "bells") : 0;
}

int objects_add_worker(struct objects *objects, char *error)
{
    uint32_t number = objects->worker_count;
    CHECK(number < CONTROL_WORKERS_MAX);
    int code = open_bell(&objects->bells[number], error);
    if (code == 0)
        code = objects_renew_mailbox(objects, number, error);
    if (code != 0) {
        close_file(&objects->bells[number]);
        return code;
    }
    objects->worker_count++;
    board_grow(&objects->board, objects->worker_count);
    return 0;
}

/* A message may be a quarter of the ring; the longest carries a body. */
static size_t ring_bytes(const struct stentor_limits *limits)
{
    uint64_t up = (uint64_t)limits->body_bytes + limits->head_bytes +
                  limits->target_bytes;
    uint64_t down = (uint64_t)limits->response_bytes +
                    (uint64_t)limits->stream_channels * 8;
    uint64_t longest = (up > down ? up : down) + OBJECTS_HEADERS_BYTES;
    uint64_t bytes = 4 * longest;
    return bytes > OBJECTS_RING_BYTES_MIN ? bytes : OBJECTS_RING_BYTES_MIN;
}

void objects_fit_mailboxes(struct objects *objects,
                           const struct stentor_limits *limits)
{
    size_t bytes = ring_bytes(limits);
    if (objects->mailbox_ring_bytes < bytes)
        objects->mailbox_ring_bytes = bytes;
}

int objects_open(struct objects *objects, const struct stentor_plan *plan,
                 uint32_t worker_count, char *error)
{
    CHECK(worker_count > 0 && worker_count <= CONTROL_WORKERS_MAX);
    objects_fit_mailboxes(objects, &plan->limits);
    int code = open_journal(objects, plan, error);
    if (code == 0)
        code = open_board(objects, plan, error);
    if (code == 0)
        code = open_shelf(objects, plan, error);
    if (code == 0)
        code = open_ledger(objects, error);
    if (code == 0)
        code = open_places(objects, error);
    if (code == 0)
        code = open_bell(&objects->brain_bell, error);
    while (objects->worker_count < worker_count && code == 0)
        code = objects_add_worker(objects, error);
    return code;
}

int objects_renew_mailbox(struct objects *objects, uint32_t number, char *error)
{
    int fd = new_file("stentor: mailbox");
    if (fd < 0)
        return fail(error, "mailbox");
    int code = mailbox_create(fd, objects->mailbox_ring_bytes, error);
    if (code == 0)
        code = seal(fd, "mailbox", error);
    if (code != 0) {
        close(fd);
        return code;
    }
    close_file(&objects->mailboxes[number]);
    objects->mailboxes[number] = fd;
    return 0;
}

uint32_t objects_for_brain(const struct objects *objects, int *fds)
{
    uint32_t count = 0;
    fds[count++] = objects->journal;
    fds[count++] = objects->board_file;
    fds[count++] = objects->shelf;
    fds[count++] = objects->ledger;
    fds[count++] = objects->places;
    fds[count++] = objects->brain_bell;
    for (uint32_t i = 0; i < objects->worker_count; i++) {
        fds[count++] = objects->mailboxes[i];
        fds[count++] = objects->bells[i];
    }
    return count;
}

uint32_t objects_for_worker(const struct objects *objects, uint32_t number,
                            int *fds)
{
    uint32_t count = 0;
    fds[count++] = objects->journal_reader;
    fds[count++] = objects->board_file;
    fds[count++] = objects->mailboxes[number];
    fds[count++] = objects->bells[number];
    fds[count++] = objects->brain_bell;
    return count;
}

void objects_ring_workers(const struct objects *objects)
{
    for (uint32_t i = 0; i < objects->worker_count; i++)
        bell_ring_always(objects->bells[i]);
}

void objects_ring_brain(const struct objects *objects)
{
    bell_ring_always(objects->brain_bell);
}
