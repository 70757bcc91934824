/* SPDX-License-Identifier: MIT */
#include "worker/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/origin.h"
#include "worker/process.h"
#include "worker/reading.h"
#include "worker/request.h"
#include "worker/response.h"
#include "worker/stream.h"

/* How long a client may take to read what it was refused with. */
enum { LINGER_MS = 2000, TOLD_PATH_BYTES = 200 };

static struct connection *of_handle(uv_handle_t *handle)
{
    return CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
}

/* The board's gauge has this one writer. */
static void count_open(struct worker *worker, int more)
{
    uint32_t open =
        __atomic_load_n(&worker->shown->connections, __ATOMIC_RELAXED);
    __atomic_store_n(&worker->shown->connections, open + (uint32_t)more,
                     __ATOMIC_RELAXED);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = of_handle(handle);
    struct worker *worker = connection_worker(connection);
    CHECK(connection->state == CONNECTION_CLOSING);
    count_open(worker, -1);
    origin_leave(connection);
    connection->magic = 0;
    free(connection);
    listeners_resume(worker);
}

struct connection *connection_new(struct worker *worker, int fd,
                                  enum connection_state state)
{
    struct connection *connection = xcalloc(1, sizeof *connection);
    CHECK(state == CONNECTION_IDLE || state == CONNECTION_STREAMING);
    connection->magic = CONNECTION_MAGIC;
    connection->state = (uint8_t)state;
    wheel_member_init(&connection->timer);
    list_init(&connection->member);
    uv_tcp_init(&worker->loop, &connection->tcp);
    connection->tcp.data = connection;
    count_open(worker, 1);
    int result = uv_tcp_open(&connection->tcp, fd);
    CHECK(result == 0); /* fails only for what is not a socket */
    return connection;
}

struct connection *connection_open(struct worker *worker, int fd, bool surplus)
{
    struct connection *connection = connection_new(worker, fd, CONNECTION_IDLE);
    connection->fresh = true;
    connection->surplus = surplus;
    board_count(worker->shown, COUNTER_accepted, 1);
    wheel_set(&worker->wheel, &connection->timer,
              worker->plan.limits.head_time_ms);
    reading_start(connection);
    return connection;
}

void connection_go(struct connection *connection, enum connection_state state)
{
    static const uint8_t edges[] = {
        [CONNECTION_IDLE] = 1 << CONNECTION_READING | 1 << CONNECTION_CLOSING,
        [CONNECTION_READING] = 1 << CONNECTION_DECIDING |
                               1 << CONNECTION_RESPONDING |
                               1 << CONNECTION_CLOSING,
        [CONNECTION_DECIDING] = 1 << CONNECTION_RESPONDING |
                                1 << CONNECTION_STREAMING |
                                1 << CONNECTION_CLOSING,
        [CONNECTION_RESPONDING] =
            1 << CONNECTION_IDLE | 1 << CONNECTION_CLOSING,
        [CONNECTION_STREAMING] = 1 << CONNECTION_CLOSING,
        [CONNECTION_CLOSING] = 0,
    };
    CHECK(connection->magic == CONNECTION_MAGIC);
    CHECK(edges[connection->state] & 1 << state);
    connection->state = (uint8_t)state;
}

/* Gives the request back; a stream has no use for it. */
static void drop_request(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    connection->request = NULL;
    if (request == NULL)
        return;
    pending_remove(&worker->pending, request);
    worker_give_request(worker, request);
}

static void count_vanished(const struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    board_count(worker->shown, COUNTER_clients_vanished, 1);
    if (log_get_level() > LOG_DEBUG)
        return;
    char address[64];
    connection_address(connection, address);
    log_debug("%s went away in mid-request", address);
}

void connection_close(struct connection *connection, enum board_counter reason)
{
    struct worker *worker = connection_worker(connection);
    if (connection->state == CONNECTION_CLOSING)
        return;
    if (connection->state == CONNECTION_STREAMING) {
        stream_end(connection, reason);
        connection->request = NULL;
    } else {
        bool in_request = connection->state == CONNECTION_READING ||
                          connection->state == CONNECTION_DECIDING;
        if (in_request && !worker->stopping)
            count_vanished(connection);
        drop_request(connection);
    }
    wheel_clear(&worker->wheel, &connection->timer);
    connection_go(connection, CONNECTION_CLOSING);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

void connection_let_go(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    if (connection->state == CONNECTION_STREAMING)
        stream_leave(connection);
    CHECK(connection->request == NULL);
    list_remove(&connection->member);
    wheel_clear(&worker->wheel, &connection->timer);
    connection_go(connection, CONNECTION_CLOSING);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

/* Closing a socket with unread bytes resets the connection, and a reset wipes
   out the answer that the client has not read yet. So say that we are done, and
   wait a moment for the client to be done too. */
static void linger(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    uv_os_fd_t fd;
    connection->lingering = true;
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        shutdown(fd, SHUT_WR);
    wheel_set(&worker->wheel, &connection->timer, LINGER_MS);
    if (connection->paused)
        reading_start(connection);
}

void connection_answered(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    CHECK(connection->state == CONNECTION_RESPONDING && request != NULL);
    bool ahead = request->ahead.size > 0;
    if (!request->keep_alive || (request->half_closed && !ahead)) {
        if (!request->half_closed && (ahead || !request->whole))
            linger(connection);
        else
            connection_close(connection, COUNTER_closed_by_client);
        return;
    }
    connection_go(connection, CONNECTION_IDLE);
    origin_rest(connection);
    if (ahead) {
        request_reset(request);
        reading_ahead(connection);
        return;
    }
    drop_request(connection);
    wheel_set(&worker->wheel, &connection->timer,
              worker->plan.limits.idle_time_ms);
}

/* Which handler was too slow is for the log, and not for the client. */
static void give_up_deciding(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct text method = request_method(connection->request);
    struct text path = request_path(connection->request);
    char reason[TOLD_PATH_BYTES + 64];
    snprintf(reason, sizeof reason, "no answer in time to %.*s %.*s",
             (int)method.size, method.bytes,
             path.size < TOLD_PATH_BYTES ? (int)path.size : TOLD_PATH_BYTES,
             path.bytes);
    board_count(worker->shown, COUNTER_unanswered, 1);
    response_log_refusal(connection, 503, reason);
    pending_remove(&worker->pending, connection->request);
    response_later(connection, 503, 5000, "no answer in time", 1);
}

void connection_deadline(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    switch ((enum connection_state)connection->state) {
    case CONNECTION_IDLE:
        board_count(worker->shown, COUNTER_timeouts, 1);
        connection_close(connection, COUNTER_closed_error);
        break;
    case CONNECTION_READING:
        board_count(worker->shown, COUNTER_timeouts, 1);
        response_refuse(connection, 408,
                        connection->request->head_done
                            ? "the body took too long"
                            : "the request head took too long");
        break;
    case CONNECTION_DECIDING:
        give_up_deciding(connection);
        break;
    case CONNECTION_RESPONDING:
        if (!connection->lingering)
            board_count(worker->shown, COUNTER_timeouts, 1);
        connection_close(connection, COUNTER_closed_error);
        break;
    case CONNECTION_STREAMING:
        stream_deadline(connection);
        break;
    case CONNECTION_CLOSING:
        check_failed("a closed connection has no deadline", __FILE__, __LINE__);
    }
}

void connection_address(const struct connection *connection, char text[64])
{
    struct sockaddr_storage peer;
    struct address address;
    int size = sizeof peer;
    const struct address *behind = origin_behind(connection);
    memcpy(text, "unknown", 8);
    if (behind != NULL)
        address_format(behind, text);
    else if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer,
                                &size) == 0 &&
             address_of_socket((struct sockaddr *)&peer, &address))
        address_format(&address, text);
}
