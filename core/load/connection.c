/* SPDX-License-Identifier: MIT */
#include "load/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "load/response_head.h"

enum { CONNECTION_MAGIC = 0x4c434f4e };

void load_connection_init(struct connection *connection)
{
    *connection = (struct connection){ .magic = CONNECTION_MAGIC,
                                       .fd = -1,
                                       .state = CONNECTION_NEW };
    list_init(&connection->link);
    buffer_init(&connection->head);
}

#define FROM(state) (1u << CONNECTION_##state)

static bool is_legal(enum connection_state old, enum connection_state state)
{
    static const unsigned from[] = {
        [CONNECTION_CONNECTING] = FROM(NEW) | FROM(AWAY),
        [CONNECTION_WAITING] = FROM(CONNECTING),
        [CONNECTION_STREAMING] = FROM(WAITING),
        [CONNECTION_AWAY] = FROM(CONNECTING) | FROM(WAITING) | FROM(STREAMING),
        [CONNECTION_CLOSED] = ~FROM(CLOSED),
    };
    return (from[state] & 1u << old) != 0;
}

static bool is_in_flight(enum connection_state state)
{
    return state == CONNECTION_CONNECTING || state == CONNECTION_WAITING;
}

/* The only place where the state changes. */
static void enter(struct connection *connection,
                  struct connection_context *context,
                  enum connection_state state)
{
    struct load_tally *tally = context->stream.tally;
    enum connection_state old = connection->state;
    CHECK(is_legal(old, state));
    connection->state = state;
    context->in_flight_count += is_in_flight(state);
    context->in_flight_count -= is_in_flight(old);
    tally->live += state == CONNECTION_STREAMING;
    tally->live -= old == CONNECTION_STREAMING;
    if (state != CONNECTION_WAITING)
        list_remove(&connection->link);
    if (state == CONNECTION_CONNECTING)
        list_append(&context->in_flight, &connection->link);
    else if (state == CONNECTION_STREAMING && connection->is_slow)
        list_append(&context->slow, &connection->link);
    else if (state == CONNECTION_AWAY)
        list_append(&context->away, &connection->link);
}

static void close_socket(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    buffer_done(&connection->head);
}

/* What the stream passed over is lost for good, unless it is resumed. What
   came after its end is told by the error, not as a loss. */
static void drop_reader(struct connection *connection,
                        struct connection_context *context)
{
    if (connection->reader.next == NULL)
        return;
    context->stream.tally->lost += connection->reader.missing;
    load_stream_reader_done(&connection->reader);
}

/* The end of this connection; a new one follows if clients come back. */
static void end(struct connection *connection,
                struct connection_context *context)
{
    bool comes_back = context->away_us > 0 && !connection->is_slow;
    close_socket(connection);
    if (!comes_back || load_stream_reader_id(&connection->reader) == NULL)
        drop_reader(connection, context);
    connection->due_us = load_now_us() + context->away_us;
    enter(connection, context,
          comes_back ? CONNECTION_AWAY : CONNECTION_CLOSED);
}

void load_connection_fail(struct connection *connection,
                          struct connection_context *context,
                          enum load_error kind)
{
    struct load_tally *tally = context->stream.tally;
    /* To drop a client that does not read is the right of a server. */
    if (connection->state == CONNECTION_STREAMING && connection->is_slow) {
        tally->slow_dropped++;
        tally->stood++;
    } else {
        tally->errors[kind]++;
    }
    end(connection, context);
}

void load_connection_leave(struct connection *connection,
                           struct connection_context *context)
{
    if (connection->state != CONNECTION_STREAMING || connection->is_slow)
        return;
    context->stream.tally->stood++;
    end(connection, context);
}

bool load_connection_is_complete(const struct connection *connection,
                                 const struct stream_context *context)
{
    if (connection->state == CONNECTION_NEW ||
        connection->state == CONNECTION_CLOSED || connection->is_slow)
        return true;
    if (connection->state != CONNECTION_STREAMING)
        return load_stream_reader_id(&connection->reader) == NULL;
    return load_stream_reader_is_complete(&connection->reader, context);
}

void load_connection_finish(struct connection *connection,
                            struct connection_context *context)
{
    struct load_tally *tally = context->stream.tally;
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->state == CONNECTION_NEW) {
        tally->errors[LOAD_ERROR_NOT_TRIED]++;
    } else if (connection->state == CONNECTION_STREAMING) {
        tally->stood++;
        if (!connection->is_slow)
            tally->lost +=
                load_stream_reader_lost(&connection->reader, &context->stream) -
                connection->reader.missing;
    } else if (connection->state != CONNECTION_AWAY) {
        tally->errors[LOAD_ERROR_TIMEOUT]++;
    }
    close_socket(connection);
    drop_reader(connection, context);
    enter(connection, context, CONNECTION_CLOSED);
}

static void watch(struct connection *connection,
                  struct connection_context *context, int operation,
                  uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };
    if (epoll_ctl(context->epoll, operation, connection->fd, &event) != 0)
        load_connection_fail(connection, context, LOAD_ERROR_NETWORK);
}

static const struct buffer *build_request(const struct connection *connection,
                                          struct connection_context *context)
{
    const struct stream_id *id = load_stream_reader_id(&connection->reader);
    struct buffer *whole = &context->whole;
    whole->size = 0;
    buffer_add(whole, context->request.bytes, context->request.size);
    if (connection->is_resuming) {
        buffer_add_text(whole, "Last-Event-ID: ");
        buffer_add(whole, id->bytes, id->size);
        buffer_add_text(whole, "\r\n");
    }
    buffer_add_text(whole, "\r\n");
    return whole;
}

/* Sends the request if the socket is connected by now. */
static void try_request(struct connection *connection,
                        struct connection_context *context, int operation)
{
    const struct buffer *request = build_request(connection, context);
    ssize_t sent =
        send(connection->fd, request->bytes, request->size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
        if (operation == EPOLL_CTL_ADD)
            watch(connection, context, operation, EPOLLOUT);
        return;
    }
    /* A fresh socket takes a request of at most some kilobytes whole. */
    if (sent != (ssize_t)request->size) {
        load_connection_fail(connection, context,
                             sent < 0 ? load_error_from_errno(errno)
                                      : LOAD_ERROR_NETWORK);
        return;
    }
    load_histogram_add(&context->stream.tally->connect,
                       load_now_us() - connection->started_us);
    enter(connection, context, CONNECTION_WAITING);
    watch(connection, context, operation, EPOLLIN);
}

void load_connection_start(struct connection *connection,
                           struct connection_context *context, uint64_t index)
{
    struct load_tally *tally = context->stream.tally;
    connection->started_us = load_now_us();
    if (tally->first_connect_us == 0)
        tally->first_connect_us = connection->started_us;
    connection->is_resuming =
        load_stream_reader_id(&connection->reader) != NULL;
    connection->is_again = connection->state == CONNECTION_AWAY;
    if (connection->is_again) {
        tally->reconnects++;
        tally->resumed += connection->is_resuming;
    }
    enter(connection, context, CONNECTION_CONNECTING);
    connection->fd =
        load_target_connect(context->target, index,
                            connection->is_slow ? CONNECTION_SLOW_BUFFER : 0);
    if (connection->fd < 0) {
        load_connection_fail(connection, context, load_error_from_errno(errno));
        return;
    }
    /* On loopback the handshake is over before connect returns: sending at
       once saves three system calls a connection. */
    try_request(connection, context, EPOLL_CTL_ADD);
}

/* The connection is no event stream: says how, and what came instead. */
static bool refuse_head(struct connection *connection,
                        struct connection_context *context,
                        const struct response_head *head, const char *bytes,
                        size_t size)
{
    enum load_error kind = load_error_from_head(head);
    if (kind == LOAD_ERROR_COUNT)
        return false;
    load_answer_describe(context->stream.tally->answer, head, bytes, size,
                         connection->fd);
    load_connection_fail(connection, context, kind);
    return true;
}

/* The time to the first event counts from the connect, or, for a client that
   had to wait for our publisher, from the moment that began. */
static void note_first_event(struct connection *connection,
                             struct connection_context *context,
                             uint64_t now_us)
{
    uint64_t from_us = connection->started_us;
    uint64_t running_us = context->stream.shared->running_us;
    if (context->stream.lanes > 0 && running_us > from_us)
        from_us = running_us;
    load_histogram_add(&context->stream.tally->first_event, now_us - from_us);
}

static void feed(struct connection *connection,
                 struct connection_context *context, const char *bytes,
                 size_t size, uint64_t now_us)
{
    struct stream_reader *reader = &connection->reader;
    struct load_tally *tally = context->stream.tally;
    uint64_t events = tally->events;
    tally->bytes += size;
    if (connection->is_slow)
        return;
    bool goes_on =
        load_stream_reader_feed(reader, &context->stream, bytes, size, now_us);
    if (tally->events > events)
        tally->last_event_us = now_us;
    if (!connection->had_event && reader->has_event) {
        connection->had_event = true;
        note_first_event(connection, context, now_us);
    }
    if (!goes_on)
        load_connection_fail(connection, context,
                             reader->body.state == BODY_BROKEN
                                 ? LOAD_ERROR_BODY
                                 : LOAD_ERROR_CLOSED);
}

static void begin_stream(struct connection *connection,
                         struct connection_context *context,
                         const struct body *body, uint64_t now_us)
{
    struct load_tally *tally = context->stream.tally;
    bool expects_all = context->stream.shared->running_us == 0;
    if (connection->is_resuming)
        load_stream_reader_resume(&connection->reader, body);
    else
        load_stream_reader_init(&connection->reader, &context->stream, body,
                                expects_all);
    connection->due_us = now_us + CONNECTION_SLOW_US;
    enter(connection, context, CONNECTION_STREAMING);
    connection->reader.since_us = connection->started_us;
    tally->opened++;
    if (connection->is_again)
        tally->reopened++;
    else
        tally->last_open_us = now_us;
    load_histogram_add(&tally->first_byte, now_us - connection->started_us);
    if (connection->is_slow) {
        tally->slow++;
        /* Reads by the clock; only the end of the stream is news. */
        watch(connection, context, EPOLL_CTL_MOD, EPOLLRDHUP | EPOLLET);
    }
}

/* Where nobody listens on a port from which connections are made, one of ours
   may come to connect to itself; the kernel allows it. */
static bool is_echo(const struct connection_context *context, const char *bytes,
                    size_t size)
{
    const struct buffer *request = &context->request;
    return size >= request->size &&
           memcmp(bytes, request->bytes, request->size) == 0;
}

static void take_head(struct connection *connection,
                      struct connection_context *context, const char *bytes,
                      size_t size, uint64_t now_us)
{
    struct response_head head;
    if (connection->head.size > 0) {
        buffer_add(&connection->head, bytes, size);
        bytes = connection->head.bytes;
        size = connection->head.size;
    }
    int used = load_response_head_read(&head, bytes, size);
    if (used == 0) {
        if (connection->head.size == 0)
            buffer_add(&connection->head, bytes, size);
        return;
    }
    if (used < 0) {
        bool is_echoed = is_echo(context, bytes, size);
        if (!is_echoed)
            load_answer_keep(context->stream.tally->answer, bytes, size);
        load_connection_fail(connection, context,
                             is_echoed ? LOAD_ERROR_REFUSED : LOAD_ERROR_HEAD);
        return;
    }
    if (refuse_head(connection, context, &head, bytes + used,
                    size - (size_t)used))
        return;
    begin_stream(connection, context, &head.body, now_us);
    if (connection->state != CONNECTION_STREAMING)
        return;
    /* The end of the stream may come with its beginning. */
    struct buffer kept = connection->head;
    buffer_init(&connection->head);
    feed(connection, context, bytes + used, size - (size_t)used, now_us);
    buffer_done(&kept);
}

static void read_socket(struct connection *connection,
                        struct connection_context *context, size_t room)
{
    ssize_t size = recv(connection->fd, context->read_buffer, room, 0);
    uint64_t now_us = load_now_us();
    bool is_streaming = connection->state == CONNECTION_STREAMING;
    if (size > 0 && is_streaming)
        feed(connection, context, context->read_buffer, (size_t)size, now_us);
    else if (size > 0)
        take_head(connection, context, context->read_buffer, (size_t)size,
                  now_us);
    else if (size == 0)
        load_connection_fail(connection, context,
                             is_streaming ? LOAD_ERROR_CLOSED
                                          : LOAD_ERROR_NO_ANSWER);
    else if (errno != EAGAIN && errno != EINTR)
        load_connection_fail(connection, context, load_error_from_errno(errno));
}

void load_connection_read_slowly(struct connection *connection,
                                 struct connection_context *context)
{
    CHECK(connection->is_slow && connection->state == CONNECTION_STREAMING);
    connection->due_us = load_now_us() + CONNECTION_SLOW_US;
    list_remove(&connection->link);
    list_append(&context->slow, &connection->link);
    read_socket(connection, context, 1);
}

void load_connection_on_ready(void *data, struct connection_context *context,
                              uint32_t events)
{
    struct connection *connection =
        CHECK_CAST(struct connection, data, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_CONNECTING)
        try_request(connection, context, EPOLL_CTL_MOD);
    else if (connection->state == CONNECTION_STREAMING && connection->is_slow)
        load_connection_fail(connection, context, LOAD_ERROR_CLOSED);
    else if (connection->fd >= 0 && events != 0)
        read_socket(connection, context, CONNECTION_READ_BYTES);
}
