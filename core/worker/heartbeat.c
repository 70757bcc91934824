/* SPDX-License-Identifier: MIT */
#include "worker/heartbeat.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "journal/event_id.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/socket.h"
#include "worker/stream.h"
#include "worker/stream_own.h"

_Static_assert(HEARTBEAT_ROOM <= 0xfff, "three digits say its size");

/* By hand, because printf would be half of what a heartbeat costs us. */
static size_t put_chunk_head(size_t size, char *to)
{
    size_t used = 0;
    for (int shift = 8; shift >= 0; shift -= 4)
        if (size >> shift != 0)
            to[used++] = "0123456789abcdef"[size >> shift & 0xf];
    memcpy(to + used, "\r\n", 2);
    return used + 2;
}

static size_t put_id_line(uint64_t epoch, uint64_t seq, char *to)
{
    memcpy(to, "id: ", 4);
    event_id_format(&(struct event_id){ .epoch = epoch, .seq = seq }, to + 4);
    to[4 + EVENT_ID_BYTES] = '\n';
    return 4 + EVENT_ID_BYTES + 1;
}

size_t heartbeat_compose(const struct stentor_heartbeat *plan, bool chunked,
                         uint64_t epoch, uint64_t seq,
                         char room[HEARTBEAT_ROOM])
{
    CHECK(plan->size <= STENTOR_HEARTBEAT_BYTES);
    char id_line[EVENT_ID_BYTES + 8];
    size_t id_size = 0, at = 0;
    /* Nothing was ever published: there is no position to tell. */
    if (plan->with_id != 0 && seq > 0)
        id_size = put_id_line(epoch, seq, id_line);
    size_t size = id_size + plan->size;
    if (size == 0)
        return 0;
    if (chunked)
        at = put_chunk_head(size, room);
    memcpy(room + at, id_line, id_size);
    memcpy(room + at + id_size, plan->frame, plan->size);
    at += size;
    if (chunked) {
        memcpy(room + at, "\r\n", 2);
        at += 2;
    }
    CHECK(at <= HEARTBEAT_ROOM);
    return at;
}

uint64_t heartbeat_delay(const struct stentor_heartbeat *plan, uint64_t seed,
                         bool first)
{
    CHECK(plan->every_ms > 0);
    uint64_t percent = plan->jitter_percent < 100 ? plan->jitter_percent : 100;
    uint64_t span = first ? plan->every_ms : plan->every_ms * percent / 100;
    uint64_t delay = plan->every_ms - hash_mix(seed) % (span + 1);
    return delay > 0 ? delay : 1;
}

static const struct stentor_heartbeat *plan_of(
    const struct connection *connection)
{
    return &worker_policy(connection)->heartbeat;
}

static void set_deadline(struct connection *connection, bool first)
{
    struct worker *worker = connection_worker(connection);
    const struct stentor_heartbeat *plan = plan_of(connection);
    if (plan->every_ms == 0) {
        wheel_clear(&worker->wheel, &connection->timer);
        return;
    }
    uint64_t seed = connection->number ^ hash_mix(worker_now(worker));
    if (first)
        seed = connection->number;
    wheel_set(&worker->wheel, &connection->timer,
              heartbeat_delay(plan, seed, first));
}

void heartbeat_spread(struct connection *connection)
{
    set_deadline(connection, true);
}

void heartbeat_schedule(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    uint32_t now = (uint32_t)(worker_now(worker) / WHEEL_TICK_MS);
    /* A stream that was only behind for a moment had its first long ago. */
    bool first = now - connection->started <
                 plan_of(connection)->every_ms / WHEEL_TICK_MS;
    set_deadline(connection, first);
}

static void send_one(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    const struct audience *audience = connection->audience;
    uint64_t position, seq;
    fanout_place(&worker->fanout, audience, &position, &seq);
    char room[HEARTBEAT_ROOM];
    size_t size = heartbeat_compose(plan_of(connection), audience->chunked,
                                    worker->journal.header->epoch, seq, room);
    if (size == 0)
        return;
    int written = socket_write(&connection->tcp, room, size);
    if (written < 0) {
        connection_close(connection, stream_error_counter(written));
        return;
    }
    board_count(worker->shown, COUNTER_heartbeats, 1);
    board_count(worker->shown, COUNTER_bytes_sent, (uint64_t)written);
    connection->sent += (uint64_t)written;
    if ((size_t)written == size)
        return;
    /* The rest must go out before anything else does. */
    stream_own_leave_step(connection, position, seq, audience->sent);
    stream_own_hold(connection, room + written, size - (size_t)written);
}

void heartbeat_beat(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    CHECK(connection->own == NULL);
    if (worker->fanout.serving == connection->audience) {
        /* The audience is just being written to, and it does not matter to
           whom already: events are a heartbeat too. Soon again. */
        wheel_set(&worker->wheel, &connection->timer, WHEEL_TICK_MS);
        return;
    }
    bool wanted = !plan_of(connection)->idle_only || !connection->wrote;
    connection->wrote = false;
    set_deadline(connection, false);
    if (wanted)
        send_one(connection); /* the last: it may close the connection */
}
