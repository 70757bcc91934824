/* SPDX-License-Identifier: MIT */
#include "worker/drain.h"

#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "journal/reader.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/stream_own.h"

enum {
    DRAIN_AT_LEAST = 32, /* streams in a tick: few clients need no window */
    DRAIN_RETRY_MIN_MS = 500
};

void drain_init(struct worker *worker)
{
    worker->drain = (struct drain){ .active = false };
    wheel_member_init(&worker->drain.timer);
}

uint32_t drain_retry_ms(struct worker *worker)
{
    return DRAIN_RETRY_MIN_MS + worker_random(worker, worker->drain.spread_ms);
}

/* The stream stands between two events, so a field and the end fit in. */
static void say_farewell(struct connection *connection)
{
    char field[32], chunks[64];
    uint32_t retry_ms = drain_retry_ms(connection_worker(connection));
    int size = snprintf(field, sizeof field, "retry: %u\n", retry_ms);
    uv_buf_t buf = uv_buf_init(field, (unsigned)size);
    if (!connection->http_1_0) {
        size = snprintf(chunks, sizeof chunks, "%x\r\n%s\r\n0\r\n\r\n",
                        (unsigned)size, field);
        buf = uv_buf_init(chunks, (unsigned)size);
    }
    uv_try_write((uv_stream_t *)&connection->tcp, &buf, 1);
}

struct walk {
    struct worker *worker;
    uint32_t streams; /* still to be ended in this tick */
    bool is_over;     /* the window: nobody is waited for */
};

/* It has all that was published before the drain: what a stop hook said. */
static bool has_all(const struct worker *worker,
                    const struct connection *connection)
{
    const struct stream_own *own = connection->own;
    uint64_t position = own != NULL ? own->position : worker->fanout.position;
    return position >= worker->drain.whole_to && (own == NULL || !own->writing);
}

/* At the end of the window a stream may be in mid-event, and is cut off: its
   client resumes by its id. */
static void send_away(uv_handle_t *handle, void *data)
{
    struct walk *walk = data;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct connection *connection =
        CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_STREAMING) {
        if (walk->streams == 0 ||
            !(walk->is_over || has_all(walk->worker, connection)))
            return;
        walk->streams--;
        if (connection->own == NULL)
            say_farewell(connection);
        connection_close(connection, COUNTER_closed_stop);
    } else if (connection->state == CONNECTION_IDLE && !connection->fresh &&
               walk->worker->drain.leaves) {
        connection_close(connection, COUNTER_closed_stop);
    }
}

static uint32_t share_of_tick(const struct worker *worker)
{
    uint64_t now = worker_now(worker);
    uint64_t until = worker->drain.until_ms;
    uint64_t ticks = until > now ? (until - now) / WHEEL_TICK_MS + 1 : 1;
    uint64_t share = (worker->shown->streams + ticks - 1) / ticks;
    return share > DRAIN_AT_LEAST ? (uint32_t)share : DRAIN_AT_LEAST;
}

void drain_tick(struct worker *worker)
{
    struct drain *drain = &worker->drain;
    if (!drain->active || worker->stopping)
        return;
    struct walk walk = { .worker = worker,
                         .streams = share_of_tick(worker),
                         .is_over = worker_now(worker) >= drain->until_ms };
    uv_walk(&worker->loop, send_away, &walk);
    if (drain->leaves && worker->shown->connections == 0)
        worker_stop(worker);
    else if (drain->leaves || worker->shown->streams > 0)
        wheel_set(&worker->wheel, &drain->timer, WHEEL_TICK_MS);
}

void drain_obey(struct worker *worker, const struct control_drain *message)
{
    struct drain *drain = &worker->drain;
    wheel_clear(&worker->wheel, &drain->timer);
    drain->active = message->kind != DRAIN_OVER;
    drain->leaves = message->kind == DRAIN_LEAVE;
    drain->spread_ms = message->spread_ms;
    drain->whole_to = journal_head(&worker->journal);
    drain->until_ms = worker_now(worker) + message->window_ms;
    log_debug("drain: kind %u, %u streams within %u ms", message->kind,
              worker->shown->streams, message->window_ms);
    if (drain->leaves)
        listeners_leave(worker);
    worker_keep_awake(worker); /* for the fan-out */
    drain_tick(worker);
}
