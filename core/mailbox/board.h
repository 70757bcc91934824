/* SPDX-License-Identifier: MIT */
/*
 * The board: shared memory of the supervisor's in which each process shows
 * what the others need to know without asking: who sleeps, how many streams
 * each channel has in each worker, and all counters. It survives every process
 * but the supervisor. One writer for each word, but for `asleep`, which the
 * ringer clears.
 */
#ifndef STENTOR_MAILBOX_BOARD_H
#define STENTOR_MAILBOX_BOARD_H

#include <stdint.h>

#include "mailbox/blame.h"
#include "mailbox/crowd.h"

enum {
    BOARD_MAGIC = 0x424e5453,
    BOARD_VERSION = 3,
    BOARD_WORKERS_MAX = 64 /* there is room for so many; unused is untouched */
};

/* Everything that is counted; name, and what it counts. */
#define BOARD_COUNTERS(X)                                                   \
    X(accepted, "connections accepted")                                     \
    X(refused_full, "connections refused: limit `connections`")             \
    X(requests, "requests sent to the brain")                               \
    X(requests_held, "times a request had to wait for room in the mailbox") \
    X(responses, "ordinary responses")                                      \
    X(bad_requests, "requests refused before the brain saw them (4xx)")     \
    X(timeouts, "heads, bodies and idle connections that took too long")    \
    X(unanswered, "requests that the brain did not answer in time (503)")   \
    X(outcome_unknown, "requests taken by a brain that died (503)")         \
    X(offered_again, "requests offered to the next brain")                  \
    X(streams_opened, "streams begun")                                      \
    X(streams_resumed, "of these: continued from an id")                    \
    X(moved, "connections taken over from another worker")                  \
    X(moves_refused, "batches of them refused for want of descriptors")     \
    X(gaps, "gap events sent")                                              \
    X(events_sent, "events written to clients, also in part")               \
    X(bytes_sent, "bytes of streams written to clients")                    \
    X(heartbeats, "heartbeats written")                                     \
    X(fell_behind, "times a client did not take all bytes at once")         \
    X(refused_address, "connections refused: `address_connections`")        \
    X(refused_rate, "requests refused: limit `address_requests`")           \
    X(addresses_untracked, "connections not counted: limit `addresses`")    \
    X(addresses_forgotten, "addresses whose requests were forgotten early") \
    X(skipped, "times a slow client was taken to the newest event")         \
    X(conflated, "events left out for a later one of the same key")         \
    X(policies_full, "streams kept as the server's own: limit `policies`")  \
    X(closed_by_client, "streams ended by the client")                      \
    X(closed_lagged_bytes, "streams closed: limit `client_lag`")            \
    X(closed_lagged_time, "streams closed: limit `client_lag_time`")        \
    X(closed_error, "streams ended by a socket error")                      \
    X(closed_stop, "streams ended because the server stopped")              \
    X(closed_removed, "streams ended: their channel was removed")           \
    X(clients_vanished, "connections that ended in mid-request")

enum board_counter {
#define BOARD_ENUM(name, text) COUNTER_##name,
    BOARD_COUNTERS(BOARD_ENUM)
#undef BOARD_ENUM
        COUNTERS
};

struct board_brain {
    uint32_t asleep; /* 1: ring its bell */
    uint32_t starts; /* how often a brain was started */
    uint32_t turns;  /* of its loop: one that stands still although its bell
                        was rung is a brain that hangs */
    uint32_t hangs;  /* how often one was killed for that; the supervisor's */
    struct blame blame;
};

struct board_worker {
    uint32_t asleep;      /* 1: ring its bell */
    uint32_t connections; /* open now */
    uint32_t streams;     /* of these: streams */
    uint32_t starts;      /* how often this worker was started */
    uint32_t descriptors; /* connections that it has descriptors for */
    uint32_t reserved;
    uint64_t counters[COUNTERS];
    /* Streams of each channel, by the journal's channel number. */
    uint32_t channel_streams[];
};

struct board_header {
    uint32_t magic;
    uint32_t version;
    uint32_t workers; /* that there ever were; grows (board_grow) */
    uint32_t channels;
    uint32_t crowd; /* places of each table of addresses (crowd.h) */
    uint32_t reserved;
    uint64_t seed;         /* of their keys */
    uint64_t worker_bytes; /* from one worker's part to the next */
    uint32_t drained;      /* 1: streams are ended and refused; the
                              supervisor's */
    struct board_brain brain __attribute__((aligned(64)));
};

/* One process's view. */
struct board {
    struct board_header *header;
    uint64_t bytes;
};

/* `addresses`: how many distinct ones are to be told apart. */
int board_create(int fd, uint32_t workers, uint32_t channels,
                 uint32_t addresses, char *error);
int board_open(struct board *board, int fd, char *error);
void board_close(struct board *board);

struct board_worker *board_worker(const struct board *board, uint32_t number);

/* The addresses of a worker's connections, and when addresses may ask again;
   board->header->crowd places each. */
struct crowd_member *board_crowd(const struct board *board, uint32_t number);
struct crowd_meter *board_meters(const struct board *board);

/* Connections of an address over all workers. */
uint32_t board_address_connections(const struct board *board, uint64_t key);

/* The supervisor has one worker more; the others see its part from now on. */
void board_grow(const struct board *board, uint32_t workers);

/* How many parts there are to look at. */
static inline uint32_t board_workers(const struct board *board)
{
    return __atomic_load_n(&board->header->workers, __ATOMIC_ACQUIRE);
}

/* Connections, or streams alone, that are open now, over all workers. */
uint32_t board_connections(const struct board *board);
uint32_t board_streams(const struct board *board);

/* Clears what a dead worker said of its connections; counters stay. */
void board_forget_worker(const struct board *board, uint32_t number);

/* Adds to a counter of the caller's own worker. */
static inline void board_count(struct board_worker *worker,
                               enum board_counter counter, uint64_t more)
{
    uint64_t value =
        __atomic_load_n(&worker->counters[counter], __ATOMIC_RELAXED);
    __atomic_store_n(&worker->counters[counter], value + more,
                     __ATOMIC_RELAXED);
}

/* The sum of a counter over all workers. */
uint64_t board_sum(const struct board *board, enum board_counter counter);

/* Streams of a channel over all workers. */
uint32_t board_channel_streams(const struct board *board, uint32_t channel);

/* "accepted" …; NULL past the last. */
const char *board_counter_name(uint32_t counter);

#endif
