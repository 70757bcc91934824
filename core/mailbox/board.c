/* SPDX-License-Identifier: MIT */
/*
 * The file, each of its parts on pages of its own:
 *
 *   struct board_header
 *   struct crowd_meter[]       `crowd` of them
 *   for each worker that there may be:
 *     struct board_worker      with `channels` words behind it
 *     struct crowd_member[]    `crowd` of them
 *
 * Most of it is never touched, and so takes no memory.
 */
#include "mailbox/board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

enum { BOARD_PAGE_BYTES = 4096 };

static int fail(char *error, const char *what)
{
    snprintf(error, STENTOR_ERROR_BYTES, "board: %s: %s", what,
             strerror(errno));
    return STENTOR_ESYSTEM;
}

static uint64_t pages(uint64_t bytes)
{
    return (bytes + BOARD_PAGE_BYTES - 1) / BOARD_PAGE_BYTES * BOARD_PAGE_BYTES;
}

static uint64_t counts_bytes(uint32_t channels)
{
    return pages(sizeof(struct board_worker) +
                 (uint64_t)channels * sizeof(uint32_t));
}

static uint64_t crowd_bytes(uint32_t crowd)
{
    return pages((uint64_t)crowd * sizeof(struct crowd_member));
}

static uint64_t worker_bytes(uint32_t channels, uint32_t crowd)
{
    return counts_bytes(channels) + crowd_bytes(crowd);
}

/* Where the first worker's part begins. */
static uint64_t workers_at(uint32_t crowd)
{
    return pages(sizeof(struct board_header)) +
           pages((uint64_t)crowd * sizeof(struct crowd_meter));
}

static uint64_t board_bytes(uint32_t channels, uint32_t crowd)
{
    return workers_at(crowd) +
           BOARD_WORKERS_MAX * worker_bytes(channels, crowd);
}

static int map(struct board *board, int fd, char *error)
{
    void *memory =
        mmap(NULL, board->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return fail(error, "cannot map it");
    board->header = memory;
    return 0;
}

int board_create(int fd, uint32_t workers, uint32_t channels,
                 uint32_t addresses, char *error)
{
    CHECK(workers <= BOARD_WORKERS_MAX);
    uint32_t crowd = crowd_places(addresses);
    struct board board = { .bytes = board_bytes(channels, crowd) };
    if (ftruncate(fd, (off_t)board.bytes) != 0)
        return fail(error, "cannot size it");
    int code = map(&board, fd, error);
    if (code != 0)
        return code;
    board.header->magic = BOARD_MAGIC;
    board.header->version = BOARD_VERSION;
    board.header->workers = workers;
    board.header->channels = channels;
    board.header->crowd = crowd;
    board.header->worker_bytes = worker_bytes(channels, crowd);
    bool seeded = getrandom(&board.header->seed, sizeof board.header->seed,
                            0) == sizeof board.header->seed;
    if (!seeded)
        code = fail(error, "no random bytes");
    board_close(&board);
    return code;
}

int board_open(struct board *board, int fd, char *error)
{
    struct stat file;
    memset(board, 0, sizeof *board);
    if (fstat(fd, &file) != 0)
        return fail(error, "cannot stat it");
    board->bytes = (uint64_t)file.st_size;
    if (board->bytes < sizeof(struct board_header)) {
        snprintf(error, STENTOR_ERROR_BYTES, "board: it is too short");
        return STENTOR_EINVALID;
    }
    int code = map(board, fd, error);
    if (code != 0)
        return code;
    const struct board_header *header = board->header;
    if (header->magic != BOARD_MAGIC || header->version != BOARD_VERSION) {
        snprintf(error, STENTOR_ERROR_BYTES, "board: not of this version");
        code = STENTOR_EVERSION;
    } else if (header->worker_bytes !=
                   worker_bytes(header->channels, header->crowd) ||
               header->workers > BOARD_WORKERS_MAX ||
               board->bytes != board_bytes(header->channels, header->crowd)) {
        snprintf(error, STENTOR_ERROR_BYTES, "board: its sizes do not fit");
        code = STENTOR_EINVALID;
    }
    if (code != 0)
        board_close(board);
    return code;
}

void board_close(struct board *board)
{
    if (board->header != NULL)
        munmap(board->header, board->bytes);
    memset(board, 0, sizeof *board);
}

struct board_worker *board_worker(const struct board *board, uint32_t number)
{
    CHECK(number < board_workers(board));
    char *first = (char *)board->header + workers_at(board->header->crowd);
    return (struct board_worker *)(void *)(first +
                                           number *
                                               board->header->worker_bytes);
}

struct crowd_meter *board_meters(const struct board *board)
{
    return (struct crowd_meter *)(void *)((char *)board->header +
                                          pages(sizeof *board->header));
}

struct crowd_member *board_crowd(const struct board *board, uint32_t number)
{
    char *part = (char *)board_worker(board, number);
    return (struct crowd_member *)(void *)(part + counts_bytes(
                                                      board->header->channels));
}

uint32_t board_address_connections(const struct board *board, uint64_t key)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < board_workers(board); i++)
        sum += crowd_count(board_crowd(board, i), board->header->crowd, key);
    return sum;
}

void board_grow(const struct board *board, uint32_t workers)
{
    CHECK(workers <= BOARD_WORKERS_MAX && workers >= board_workers(board));
    __atomic_store_n(&board->header->workers, workers, __ATOMIC_RELEASE);
}

uint32_t board_connections(const struct board *board)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < board_workers(board); i++)
        sum += __atomic_load_n(&board_worker(board, i)->connections,
                               __ATOMIC_RELAXED);
    return sum;
}

uint32_t board_streams(const struct board *board)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < board_workers(board); i++)
        sum +=
            __atomic_load_n(&board_worker(board, i)->streams, __ATOMIC_RELAXED);
    return sum;
}

/* Back to nothing, without touching what was never used. */
static void clear_crowd(const struct board *board, uint32_t number)
{
    struct crowd_member *members = board_crowd(board, number);
    uint64_t bytes = crowd_bytes(board->header->crowd);
    if (madvise(members, bytes, MADV_REMOVE) != 0)
        memset(members, 0, bytes);
}

void board_forget_worker(const struct board *board, uint32_t number)
{
    struct board_worker *worker = board_worker(board, number);
    __atomic_store_n(&worker->asleep, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&worker->connections, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&worker->streams, 0, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < board->header->channels; i++)
        __atomic_store_n(&worker->channel_streams[i], 0, __ATOMIC_RELAXED);
    clear_crowd(board, number);
}

uint64_t board_sum(const struct board *board, enum board_counter counter)
{
    CHECK((uint32_t)counter < COUNTERS);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < board_workers(board); i++)
        sum += __atomic_load_n(&board_worker(board, i)->counters[counter],
                               __ATOMIC_RELAXED);
    return sum;
}

uint32_t board_channel_streams(const struct board *board, uint32_t channel)
{
    CHECK(channel < board->header->channels);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < board_workers(board); i++)
        sum +=
            __atomic_load_n(&board_worker(board, i)->channel_streams[channel],
                            __ATOMIC_RELAXED);
    return sum;
}

const char *board_counter_name(uint32_t counter)
{
    static const char *const names[] = {
#define BOARD_NAME(name, text) #name,
        BOARD_COUNTERS(BOARD_NAME)
#undef BOARD_NAME
    };
    return counter < COUNTERS ? names[counter] : NULL;
}
