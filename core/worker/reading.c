/* SPDX-License-Identifier: MIT */
/*
 * A connection is always read, also while its request is being answered: so a
 * client that goes away is noticed, and no epoll_ctl is spent on stopping and
 * starting. What comes ahead of its turn is kept, up to the size of a head;
 * beyond that reading pauses and TCP holds the client back.
 */
#include "worker/reading.h"

#include "base/check.h"
#include "worker/connection.h"
#include "worker/origin.h"
#include "worker/process.h"
#include "worker/request.h"
#include "worker/response.h"

/* More than this from the client of a stream, or after the last answer, is
   answered with a close. */
enum { STREAM_HEARD_BYTES = 16384, LINGER_BYTES = 262144 };

static void ask_for_body(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    if (!request->body_awaited) {
        request->body_awaited = true;
        wheel_set(&worker->wheel, &connection->timer,
                  worker->plan.limits.body_time_ms);
    }
    if (request->expects_continue && request->body.size == 0) {
        static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        uv_buf_t buf = uv_buf_init(go_on, sizeof go_on - 1);
        request->expects_continue = false;
        if (uv_try_write((uv_stream_t *)&connection->tcp, &buf, 1) !=
            (int)buf.len)
            connection_close(connection, COUNTER_closed_error);
    }
}

static void refuse_surplus(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    board_count(worker->shown, COUNTER_refused_full, 1);
    connection->request->keep_alive = false;
    response_later(connection, 503, 10000, "too many connections", 0);
}

static void ask_brain(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    const struct stentor_limits *limits = &worker->plan.limits;
    if (request->pipelined >= limits->pipeline && request->ahead.size > 0)
        request->keep_alive = false;
    connection_go(connection, CONNECTION_DECIDING);
    wheel_set(&worker->wheel, &connection->timer, limits->answer_time_ms);
    pending_offer(worker, connection);
}

/* Asked once for each request, before its body has come. */
static bool is_admitted(struct connection *connection)
{
    struct request *request = connection->request;
    if (request->admitted)
        return true;
    request->admitted = true;
    return origin_admit(connection);
}

static void act(struct connection *connection, enum request_progress progress)
{
    struct request *request = connection->request;
    if (request->head_done) {
        connection->http_1_0 = request->parser.http_minor == 0;
        connection->head_only = text_equals(request_method(request), "HEAD");
    }
    if (progress == REQUEST_REFUSED)
        response_refuse(connection, request->status, request->reason);
    else if (request->head_done && connection->surplus)
        refuse_surplus(connection);
    else if (request->head_done && !is_admitted(connection))
        return; /* refused */
    else if (progress == REQUEST_WHOLE)
        ask_brain(connection);
    else if (request->head_done)
        ask_for_body(connection);
}

/* Between requests, the first byte of the next one. */
static void begin_request(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    if (connection->request == NULL)
        connection->request = worker_take_request(worker);
    connection->request->connection = connection;
    connection->http_1_0 = false;
    connection->head_only = false;
    connection_go(connection, CONNECTION_READING);
    if (!connection->fresh)
        wheel_set(&worker->wheel, &connection->timer,
                  worker->plan.limits.head_time_ms);
    connection->fresh = false;
}

static void keep_ahead(struct connection *connection, const char *bytes,
                       size_t size)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    if (size == 0)
        return;
    buffer_add(&request->ahead, bytes, size);
    request->pipelined = 0;
    if (request->ahead.size >= worker->plan.limits.head_bytes &&
        !connection->paused) {
        connection->paused = true;
        uv_read_stop((uv_stream_t *)&connection->tcp);
    }
}

void reading_ahead(struct connection *connection)
{
    struct request *request = connection->request;
    CHECK(connection->state == CONNECTION_IDLE && request->ahead.size > 0);
    begin_request(connection);
    size_t used;
    enum request_progress progress = request_parse(
        request, request->ahead.bytes, request->ahead.size, &used);
    buffer_consume(&request->ahead, used);
    request->pipelined++;
    if (connection->paused && request->ahead.size == 0)
        reading_start(connection);
    if (progress == REQUEST_MORE && request->half_closed)
        connection_close(connection, COUNTER_closed_by_client);
    else
        act(connection, progress);
}

static void on_bytes(struct connection *connection, const char *bytes,
                     size_t size)
{
    size_t used;
    enum request_progress progress;
    switch ((enum connection_state)connection->state) {
    case CONNECTION_IDLE:
        begin_request(connection);
        /* fall through */
    case CONNECTION_READING:
        progress = request_parse(connection->request, bytes, size, &used);
        if (progress == REQUEST_WHOLE)
            keep_ahead(connection, bytes + used, size - used);
        act(connection, progress);
        break;
    case CONNECTION_DECIDING:
        keep_ahead(connection, bytes, size);
        break;
    case CONNECTION_RESPONDING:
        if (!connection->lingering) {
            keep_ahead(connection, bytes, size);
            break;
        }
        connection->request->drained += (uint32_t)size;
        if (connection->request->drained > LINGER_BYTES)
            connection_close(connection, COUNTER_closed_error);
        break;
    case CONNECTION_STREAMING:
        if (size > (size_t)(STREAM_HEARD_BYTES - connection->heard))
            connection_close(connection, COUNTER_closed_error);
        else
            connection->heard = (uint16_t)(connection->heard + size);
        break;
    case CONNECTION_CLOSING:
        break;
    }
}

/* The client sends nothing more (`error` is UV_EOF), or the socket broke. */
static void on_end(struct connection *connection, int error)
{
    bool ended = error == UV_EOF;
    bool answering =
        connection->state == CONNECTION_DECIDING ||
        (connection->state == CONNECTION_RESPONDING && !connection->lingering);
    if (ended && answering) {
        /* Who only closed its sending side still reads the answer. */
        connection->request->half_closed = true;
        return;
    }
    connection_close(connection, ended || error == UV_ECONNRESET
                                     ? COUNTER_closed_by_client
                                     : COUNTER_closed_error);
}

static struct connection *of_stream(const uv_stream_t *stream)
{
    return CHECK_CAST(struct connection, stream->data, CONNECTION_MAGIC);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct worker *worker = handle->loop->data;
    (void)size;
    *buf = uv_buf_init(worker->read_buffer, WORKER_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    struct connection *connection = of_stream(stream);
    if (size > 0)
        on_bytes(connection, buf->base, (size_t)size);
    else if (size < 0)
        on_end(connection, (int)size);
}

void reading_start(struct connection *connection)
{
    connection->paused = false;
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
}
