/* SPDX-License-Identifier: MIT */
/*
 * epoll directly, not libuv: a load client must cost much less than the server
 * it measures, and one read of a large shared buffer for each ready socket is
 * all that happens here. Level-triggered, so a read that does not empty the
 * socket needs no bookkeeping.
 */
#include "load/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "load/connection.h"
#include "load/lag.h"

enum {
    EVENTS_A_TURN = 256,
    /* Few at a time, so that answers are read in between: time to first byte
       must be the server's, not ours. */
    STARTS_A_TURN = 32,
    LEAVES_A_TURN = 64,
    AWAY_PART = 10, /* of the time between two reconnects */
    AWAY_STORM_US = 100 * 1000,
    HOUSEKEEPING_US = 20 * 1000
};

struct client {
    const struct load_job *job;
    struct connection_context context;
    struct connection *connections;
    size_t count;
    size_t started;
    size_t in_flight_max;
    uint64_t left; /* streams closed to come back, in turns */
    bool stormed;
    uint64_t began_us;
    uint64_t housekeeping_us; /* when it is due */
    struct load_lag lag;
};

static void build_request(struct buffer *request, const struct load_job *job)
{
    const struct buffer *headers = &job->options->headers;
    buffer_init(request);
    buffer_add_format(request,
                      "GET %s HTTP/1.1\r\nHost: %s\r\n"
                      "Accept: text/event-stream\r\n"
                      "Accept-Encoding: identity\r\n"
                      "Cache-Control: no-cache\r\n"
                      "User-Agent: stentor-load\r\n",
                      job->target->path, job->target->host);
    buffer_add(request, headers->bytes, headers->size);
}

/* What falls to this process when `total` is dealt out one by one. */
static size_t share_of(const struct load_job *job, uint64_t total)
{
    size_t processes = job->shared->process_count;
    return (size_t)(total / processes + (job->process < total % processes));
}

/* Connections are dealt out to the processes one by one, so every process
   ramps up over the whole time. */
static uint64_t index_of(const struct client *client, size_t number)
{
    return number * client->job->shared->process_count + client->job->process;
}

/* The slow ones are spread evenly over all. */
static bool is_slow(const struct load_options *options, uint64_t index)
{
    uint64_t slow = load_options_slow_count(options);
    return (index + 1) * slow / options->connections >
           index * slow / options->connections;
}

static void client_init(struct client *client, const struct load_job *job)
{
    const struct load_options *options = job->options;
    bool publishes = options->publish_url != NULL;
    *client = (struct client){ .job = job };
    client->count = share_of(job, options->connections);
    client->in_flight_max = share_of(job, options->connects_in_flight);
    if (client->in_flight_max == 0)
        client->in_flight_max = 1;
    client->connections = xcalloc(client->count + 1, sizeof(struct connection));
    for (size_t i = 0; i < client->count; i++) {
        load_connection_init(&client->connections[i]);
        client->connections[i].is_slow = is_slow(options, index_of(client, i));
    }

    struct connection_context *context = &client->context;
    context->target = job->target;
    context->stream = (struct stream_context){
        .tally = &job->shared->tallies[job->process],
        .shared = job->shared,
        .run = job->run,
        .lanes = publishes ? (uint32_t)options->in_flight : 0,
        .keeps_ids = options->resume,
    };
    context->read_buffer = xmalloc(CONNECTION_READ_BYTES);
    context->epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(context->epoll >= 0);
    context->away_us = options->storm_ms > 0
                           ? AWAY_STORM_US
                           : options->reconnect_ms * 1000 / AWAY_PART;
    list_init(&context->in_flight);
    list_init(&context->away);
    list_init(&context->slow);
    build_request(&context->request, job);
    buffer_init(&context->whole);
    load_lag_open(&client->lag, context->epoll);
    client->began_us = load_now_us();
}

static void client_done(struct client *client)
{
    for (size_t i = 0; i < client->count; i++)
        load_connection_finish(&client->connections[i], &client->context);
    CHECK(client->context.in_flight_count == 0);
    load_lag_close(&client->lag);
    buffer_done(&client->context.request);
    buffer_done(&client->context.whole);
    close(client->context.epoll);
    free(client->context.read_buffer);
    free(client->connections);
}

static bool is_due(const struct client *client, uint64_t now_us)
{
    const struct load_options *options = client->job->options;
    double part = (double)index_of(client, client->started) /
                  (double)options->connections;
    return (double)(now_us - client->began_us) >=
           part * (double)options->ramp_ms * 1000;
}

static void start_connections(struct client *client)
{
    struct connection_context *context = &client->context;
    if (client->started == client->count ||
        client->job->shared->phase != LOAD_CONNECTING)
        return;
    uint64_t now_us = load_now_us();
    for (int i = 0; i < STARTS_A_TURN && client->started < client->count &&
                    context->in_flight_count < client->in_flight_max &&
                    is_due(client, now_us);
         i++) {
        size_t number = client->started++;
        load_connection_start(&client->connections[number], context,
                              index_of(client, number));
    }
}

/* Turns spread evenly: at any moment as many have left as the time says. */
static void leave_streams(struct client *client, uint64_t now_us)
{
    const struct load_shared *shared = client->job->shared;
    uint64_t period_us = client->job->options->reconnect_ms * 1000;
    if (period_us == 0 || shared->phase != LOAD_RUNNING)
        return;
    uint64_t since_us =
        now_us > shared->running_us ? now_us - shared->running_us : 0;
    uint64_t due = since_us * client->count / period_us;
    for (int i = 0; i < LEAVES_A_TURN && client->left < due; i++)
        load_connection_leave(
            &client->connections[client->left++ % client->count],
            &client->context);
}

/* All at once, and once. */
static void storm(struct client *client, uint64_t now_us)
{
    const struct load_shared *shared = client->job->shared;
    uint64_t storm_us = client->job->options->storm_ms * 1000;
    if (storm_us == 0 || client->stormed || shared->phase != LOAD_RUNNING ||
        now_us < shared->running_us + storm_us)
        return;
    client->stormed = true;
    for (size_t i = 0; i < client->count; i++) {
        struct connection *connection = &client->connections[i];
        load_connection_leave(connection, &client->context);
        if (connection->state == CONNECTION_AWAY)
            connection->reader.back_from_us = connection->due_us;
    }
}

static void come_back(struct client *client, uint64_t now_us)
{
    struct connection_context *context = &client->context;
    for (int i = 0; i < STARTS_A_TURN && !list_is_empty(&context->away) &&
                    context->in_flight_count < client->in_flight_max;
         i++) {
        struct connection *first =
            LIST_ENTRY(context->away.next, struct connection, link);
        if (first->due_us > now_us)
            return;
        size_t number = (size_t)(first - client->connections);
        load_connection_start(first, context, index_of(client, number));
    }
}

static void read_slow_ones(struct connection_context *context, uint64_t now_us)
{
    while (!list_is_empty(&context->slow)) {
        struct connection *first =
            LIST_ENTRY(context->slow.next, struct connection, link);
        if (first->due_us > now_us)
            return;
        load_connection_read_slowly(first, context);
    }
}

static void drop_late_answers(struct connection_context *context,
                              uint64_t timeout_us, uint64_t now_us)
{
    while (!list_is_empty(&context->in_flight)) {
        struct connection *oldest =
            LIST_ENTRY(context->in_flight.next, struct connection, link);
        if (now_us - oldest->started_us < timeout_us)
            return;
        load_connection_fail(oldest, context, LOAD_ERROR_TIMEOUT);
    }
}

static bool has_drained(const struct client *client)
{
    for (size_t i = 0; i < client->count; i++)
        if (!load_connection_is_complete(&client->connections[i],
                                         &client->context.stream))
            return false;
    return true;
}

static void keep_house(struct client *client, uint64_t now_us)
{
    struct load_shared *shared = client->job->shared;
    struct load_tally *tally = client->context.stream.tally;
    if (now_us < client->housekeeping_us)
        return;
    client->housekeeping_us = now_us + HOUSEKEEPING_US;
    drop_late_answers(&client->context, client->job->options->timeout_ms * 1000,
                      now_us);
    read_slow_ones(&client->context, now_us);
    if (client->started == client->count &&
        client->context.in_flight_count == 0)
        tally->tried_all = true;
    if (shared->phase == LOAD_DRAINING && shared->published.done &&
        !tally->drained)
        tally->drained = has_drained(client);
}

/* How long to sleep: not past what has to be begun soon. */
static int wait_ms(const struct client *client)
{
    if (client->started < client->count)
        return 1;
    return client->context.away_us > 0 ? 2 : HOUSEKEEPING_US / 1000;
}

static void take_events(struct client *client, const struct epoll_event *events,
                        int count)
{
    for (int i = 0; i < count; i++) {
        void *data = events[i].data.ptr;
        if (data == &client->lag)
            load_lag_note(&client->lag, load_now_us(),
                          &client->context.stream.tally->lag);
        else
            load_connection_on_ready(data, &client->context, events[i].events);
    }
}

void load_client_run(const struct load_job *job)
{
    struct client client;
    struct epoll_event events[EVENTS_A_TURN];
    client_init(&client, job);
    while (job->shared->phase != LOAD_STOPPED) {
        uint64_t now_us = load_now_us();
        start_connections(&client);
        leave_streams(&client, now_us);
        storm(&client, now_us);
        come_back(&client, now_us);
        int count = epoll_wait(client.context.epoll, events, EVENTS_A_TURN,
                               wait_ms(&client));
        CHECK(count >= 0 || errno == EINTR);
        take_events(&client, events, count);
        keep_house(&client, load_now_us());
    }
    client_done(&client);
}
