/* SPDX-License-Identifier: MIT */
/*
 * What the fan-out is made to do while its instructions are counted: a worker
 * without a server, whose clients are socket pairs. Only what happens inside
 * measured() counts (callgrind --toggle-collect=measured), and of that only
 * what runs outside the kernel; so the number does not depend on how busy the
 * machine is. instructions.lua runs it.
 *
 *   instructions WHAT      prints how many deliveries were measured
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"
#include "journal/channel.h"
#include "journal/event_id.h"
#include "journal/sse.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/stream.h"

enum {
    CLIENTS = 500,
    PASSES = 20,
    EVENTS_MANY = 32, /* of a pass, when many have gathered */
    REPLAYED = 100,   /* events that a client has missed */
    HEARTBEAT_MS = 1000,
    MEASURED_MS = 20 * HEARTBEAT_MS
};

struct bench {
    struct worker *worker;
    struct journal journal; /* the writer's view */
    uint32_t channel;
    struct buffer frame;
    int clients[CLIENTS]; /* the other ends */
    uint64_t events;
};

static int open_memory(void)
{
    int fd = memfd_create("instructions", MFD_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void on_deadline(struct wheel *wheel, struct wheel_member *member)
{
    (void)wheel;
    connection_deadline(LIST_ENTRY(member, struct connection, timer));
}

static void open_worker(struct bench *bench)
{
    struct worker *worker = xcalloc(1, sizeof *worker);
    char error[STENTOR_ERROR_BYTES];
    int journal = open_memory(), board = open_memory();
    bench->worker = worker;
    worker->magic = WORKER_MAGIC;
    CHECK(journal_create(journal, 1 << 22, 16, error) == 0);
    CHECK(journal_open(&bench->journal, journal, true, error) == 0);
    CHECK(journal_open(&worker->journal, journal, false, error) == 0);
    CHECK(board_create(board, 1, 16, 16, error) == 0);
    CHECK(board_open(&worker->board, board, error) == 0);
    worker->shown = board_worker(&worker->board, 0);
    worker->plan.limits.client_lag_bytes = 1 << 20;
    worker->plan.limits.client_lag_time_ms = 60000;
    worker->plan.limits.head_time_ms = 10000;
    worker->plan.heartbeat = (struct stentor_heartbeat){
        .every_ms = HEARTBEAT_MS,
        .jitter_percent = 20,
        .size = 2,
        .frame = ":\n",
    };
    CHECK(uv_loop_init(&worker->loop) == 0);
    worker->loop.data = worker;
    wheel_open(&worker->wheel, &worker->loop, on_deadline, worker);
    uv_idle_init(&worker->loop, &worker->keep_awake);
    policies_init(&worker->policies, &worker->plan);
    fanout_init(&worker->fanout, worker);
}

static void open_channel(struct bench *bench)
{
    struct channel_map map;
    channel_map_init(&map, &bench->journal);
    int row = channel_open(&bench->journal, &map, text_of_string("a"),
                           UINT32_MAX, UINT64_MAX);
    CHECK(row >= 0);
    bench->channel = (uint32_t)row;
    channel_map_done(&map);
}

/* The only connection with a deadline: streams are given theirs later. */
static struct connection *newest_connection(const struct worker *worker)
{
    CHECK(worker->wheel.members == 1);
    for (int i = 0; i < WHEEL_SLOTS; i++) {
        const struct list *slot = &worker->wheel.slots[i];
        if (!list_is_empty(slot))
            return LIST_ENTRY(LIST_ENTRY(slot->next, struct wheel_member, link),
                              struct connection, timer);
    }
    return NULL;
}

/* What is measured, one of these. */
struct work {
    uint64_t now_ms;                  /* the wheel is turned; 0: not */
    const struct stream_start *start; /* a stream begins; NULL: none does */
    struct connection *connection;
};

__attribute__((noinline)) static void measured(struct worker *worker,
                                               const struct work *work)
{
    if (work->start != NULL)
        stream_begin(work->connection, work->start);
    else if (work->now_ms > 0)
        wheel_turn(&worker->wheel, work->now_ms);
    else
        while (fanout_turn(&worker->fanout))
            ;
    __asm__ volatile(""); /* or the last call would be a jump out of here */
}

/* A client that streams the channel: from `last_id` on, which is measured, or
   from now on. */
static void open_client(struct bench *bench, uint32_t index,
                        struct text last_id)
{
    struct worker *worker = bench->worker;
    struct connection *connection;
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    bench->clients[index] = pair[1];
    connection_open(worker, pair[0], false);
    connection = newest_connection(worker);
    wheel_clear(&worker->wheel, &connection->timer);
    connection_go(connection, CONNECTION_READING);
    connection_go(connection, CONNECTION_DECIDING);

    struct message_channel channel = {
        .number = bench->channel,
        .generation = bench->journal.channels[bench->channel].generation,
    };
    struct message_stream message = { .request = index + 1,
                                      .channel_count = 1 };
    struct stream_start start = { .message = &message,
                                  .channels = &channel,
                                  .last_id = last_id };
    if (last_id.size > 0)
        measured(worker,
                 &(struct work){ .start = &start, .connection = connection });
    else
        stream_begin(connection, &start);
    wheel_clear(&worker->wheel, &connection->timer);
}

static void publish(struct bench *bench, uint64_t count)
{
    char data[100];
    memset(data, 'x', sizeof data);
    for (uint64_t i = 0; i < count; i++) {
        struct sse_event event = { .id = text_of_string(
                                       "00000000-0000-8000-8000-000000000000"),
                                   .data = text_of(data, sizeof data) };
        bench->frame.size = 0;
        uint8_t head = sse_frame(&event, &bench->frame);
        struct journal_entry entry = {
            .channel = bench->channel,
            .frame = bench->frame.bytes,
            .frame_bytes = (uint32_t)bench->frame.size,
            .chunk_head = head,
        };
        CHECK(journal_append(&bench->journal, &entry, 1, 1) == 0);
    }
}

/* Reads what came; every client must have got something. */
static void drain(struct bench *bench)
{
    char room[65536];
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(read(bench->clients[i], room, sizeof room) > 0);
        while (read(bench->clients[i], room, sizeof room) > 0)
            ;
    }
}

static uint64_t counted(const struct bench *bench, enum board_counter counter)
{
    return board_sum(&bench->worker->board, counter);
}

/* Passes of `events` each; all clients have followed the same channels. */
static uint64_t broadcast(struct bench *bench, uint64_t events)
{
    uint64_t before = 0;
    for (int pass = -2; pass < PASSES; pass++) {
        publish(bench, events);
        if (pass < 0) { /* buffers grow, symbols are found */
            while (fanout_turn(&bench->worker->fanout))
                ;
            before = counted(bench, COUNTER_events_sent);
        } else {
            measured(bench->worker, &(struct work){ 0 });
        }
        drain(bench);
    }
    uint64_t after = counted(bench, COUNTER_events_sent);
    CHECK(after - before == PASSES * events * CLIENTS);
    return after - before;
}

/* Nothing but heartbeats. */
static uint64_t beat(struct bench *bench)
{
    struct worker *worker = bench->worker;
    struct audience *audience = NULL; /* there is one */
    for (uint32_t i = 0; audience == NULL; i++)
        audience = worker->fanout.audiences.buckets[i];
    struct list *members = &audience->in_step;
    for (struct list *at = members->next; at != members; at = at->next)
        wheel_set(&worker->wheel,
                  &LIST_ENTRY(at, struct connection, member)->timer,
                  HEARTBEAT_MS);
    uint64_t now_ms = worker_now(worker), before = 0;
    for (uint64_t ms = 0; ms < MEASURED_MS; ms += WHEEL_TICK_MS) {
        now_ms += WHEEL_TICK_MS;
        worker->loop.time = now_ms; /* it never turns, its clock does */
        if (ms < 2 * HEARTBEAT_MS) {
            wheel_turn(&worker->wheel, now_ms);
            before = counted(bench, COUNTER_heartbeats);
        } else {
            measured(worker, &(struct work){ .now_ms = now_ms });
        }
    }
    drain(bench);
    return counted(bench, COUNTER_heartbeats) - before;
}

static void open_clients(struct bench *bench, struct text last_id)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        open_client(bench, i, last_id);
}

/* Everybody comes back at once, and has missed the same. */
static uint64_t replay(struct bench *bench)
{
    char id[EVENT_ID_BYTES + 1];
    publish(bench, 3 * REPLAYED);
    event_id_format(
        &(struct event_id){ .epoch = bench->journal.header->epoch,
                            .seq = journal_newest_seq(&bench->journal) -
                                   REPLAYED },
        id);
    open_clients(bench, text_of(id, EVENT_ID_BYTES));
    drain(bench);
    uint64_t events = counted(bench, COUNTER_events_sent);
    CHECK(events == (uint64_t)CLIENTS * REPLAYED);
    CHECK(counted(bench, COUNTER_streams_resumed) == CLIENTS);
    return events;
}

int main(int argc, char **argv)
{
    struct bench bench = { 0 };
    const char *what = argc == 2 ? argv[1] : "";
    uint64_t deliveries;
    buffer_init(&bench.frame);
    open_worker(&bench);
    open_channel(&bench);
    if (strcmp(what, "replay") == 0) {
        deliveries = replay(&bench);
    } else {
        open_clients(&bench, text_of("", 0));
        while (fanout_turn(&bench.worker->fanout))
            ;
        drain(&bench);
        if (strcmp(what, "one") == 0)
            deliveries = broadcast(&bench, 1);
        else if (strcmp(what, "many") == 0)
            deliveries = broadcast(&bench, EVENTS_MANY);
        else if (strcmp(what, "heartbeat") == 0)
            deliveries = beat(&bench);
        else
            return 2;
    }
    printf("%llu\n", (unsigned long long)deliveries);
    return 0;
}
