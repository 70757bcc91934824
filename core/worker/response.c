/* SPDX-License-Identifier: MIT */
#include "worker/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/request.h"

enum {
    REFUSED_LINES_PER_SECOND = 10, /* a hostile client must not fill the log */
    LATER_DEFAULT_MS = 3000
};

/* What a socket did not take at once. */
struct response_rest {
    uv_write_t write;
    char bytes[];
};

/* --- writing ------------------------------------------------------------ */

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection =
        CHECK_CAST(struct connection, write->handle->data, CONNECTION_MAGIC);
    free(write->data);
    if (connection->state == CONNECTION_CLOSING)
        return;
    if (status < 0)
        connection_close(connection, COUNTER_closed_error);
    else
        connection_answered(connection);
}

static void write_rest(struct connection *connection, const uv_buf_t *bufs,
                       size_t written)
{
    struct worker *worker = connection_worker(connection);
    size_t total = bufs[0].len + bufs[1].len;
    struct response_rest *rest = xmalloc(sizeof *rest + total - written);
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        size_t skip = written < bufs[i].len ? written : bufs[i].len;
        if (skip < bufs[i].len)
            memcpy(rest->bytes + size, bufs[i].base + skip, bufs[i].len - skip);
        size += bufs[i].len - skip;
        written -= skip;
    }
    CHECK(written == 0);
    rest->write.data = rest;
    uv_buf_t buf = uv_buf_init(rest->bytes, (unsigned)size);
    wheel_set(&worker->wheel, &connection->timer,
              worker->plan.limits.body_time_ms);
    int result = uv_write(&rest->write, (uv_stream_t *)&connection->tcp, &buf,
                          1, on_written);
    if (result != 0) {
        free(rest);
        connection_close(connection, COUNTER_closed_error);
    }
}

/* One system call as a rule; only what the socket refuses is copied. */
static void write_both(struct connection *connection, struct text head,
                       struct text body)
{
    uv_buf_t bufs[2] = {
        uv_buf_init((char *)(uintptr_t)head.bytes, (unsigned)head.size),
        uv_buf_init((char *)(uintptr_t)body.bytes, (unsigned)body.size)
    };
    connection_go(connection, CONNECTION_RESPONDING);
    int written = uv_try_write((uv_stream_t *)&connection->tcp, bufs,
                               body.size > 0 ? 2 : 1);
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        connection_close(connection, COUNTER_closed_error);
    else if ((size_t)written == head.size + body.size)
        connection_answered(connection);
    else
        write_rest(connection, bufs, (size_t)written);
}

/* --- heads -------------------------------------------------------------- */

static const char *phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } known[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].status == status)
            return known[i].phrase;
    }
    /* The phrase may be empty (RFC 9112, section 4); a class says more. */
    static const char classes[][16] = { "Success", "Redirection",
                                        "Client Error", "Server Error" };
    return classes[status / 100 - 2];
}

const char *response_date(struct worker *worker)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != worker->date_second) {
        struct tm day;
        gmtime_r(&now.tv_sec, &day);
        strftime(worker->date, sizeof worker->date, "%a, %d %b %Y %H:%M:%S GMT",
                 &day);
        worker->date_second = now.tv_sec;
    }
    return worker->date;
}

static void add_number(struct buffer *to, size_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buffer_add(to, digits + at, sizeof digits - at);
}

void response_send(struct connection *connection, int status,
                   struct text headers, struct text body)
{
    struct worker *worker = connection_worker(connection);
    struct buffer *head = &worker->head;
    struct request *request = connection->request;
    CHECK(status >= 200 && status <= 599 && request != NULL);
    head->size = 0;
    buffer_add_text(head, "HTTP/1.1 ");
    add_number(head, (size_t)status);
    buffer_add_text(head, " ");
    buffer_add_text(head, phrase_of(status));
    buffer_add_text(head, "\r\n");
    buffer_add(head, headers.bytes, headers.size);
    buffer_add_text(head, "Date: ");
    buffer_add_text(head, response_date(worker));
    bool bodiless = status == 204 || status == 304;
    if (status == 205) /* RFC 9110 15.3.6: no content, and that is said */
        body.size = 0;
    if (!bodiless) {
        buffer_add_text(head, "\r\nContent-Length: ");
        add_number(head, body.size);
    }
    if (worker->stopping || worker->drain.leaves ||
        (request->half_closed && request->ahead.size == 0))
        request->keep_alive = false;
    if (!request->keep_alive)
        buffer_add_text(head, "\r\nConnection: close");
    else if (connection->http_1_0)
        buffer_add_text(head, "\r\nConnection: keep-alive");
    buffer_add_text(head, "\r\n\r\n");
    board_count(worker->shown, COUNTER_responses, 1);
    if (bodiless || connection->head_only)
        body.size = 0;
    write_both(connection, text_of(head->bytes, head->size), body);
}

void response_send_head(struct connection *connection, struct text head)
{
    struct worker *worker = connection_worker(connection);
    board_count(worker->shown, COUNTER_responses, 1);
    write_both(connection, head, text_of(NULL, 0));
}

static void send_line(struct connection *connection, int status,
                      const char *more_headers, const char *line)
{
    char headers[256];
    char body[256];
    int header_bytes =
        snprintf(headers, sizeof headers,
                 "Content-Type: text/plain;charset=utf-8\r\n%s", more_headers);
    int body_bytes = snprintf(body, sizeof body, "%s\n",
                              line == NULL ? phrase_of(status) : line);
    CHECK(header_bytes < (int)sizeof headers && body_bytes < (int)sizeof body);
    response_send(connection, status, text_of(headers, (size_t)header_bytes),
                  text_of(body, (size_t)body_bytes));
}

/* --- refusals ----------------------------------------------------------- */

void response_log_rest(struct worker *worker)
{
    if (worker->refused_more == 0)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == worker->refused_second && !worker->stopping)
        return;
    wheel_clear(&worker->wheel, &worker->refused_timer);
    log_info("%u more requests were refused in that second",
             worker->refused_more);
    worker->refused_more = 0;
}

void response_log_refusal(struct connection *connection, int status,
                          const char *reason)
{
    struct worker *worker = connection_worker(connection);
    response_log_rest(worker);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != worker->refused_second) {
        worker->refused_second = now.tv_sec;
        worker->refused_lines = 0;
    }
    if (++worker->refused_lines > REFUSED_LINES_PER_SECOND) {
        if (worker->refused_more++ == 0)
            wheel_set(&worker->wheel, &worker->refused_timer, 1000);
        return;
    }
    char address[64];
    connection_address(connection, address);
    log_info("refused %s: %d %s", address, status, reason);
}

void response_refuse(struct connection *connection, int status,
                     const char *reason)
{
    struct worker *worker = connection_worker(connection);
    if (reason == NULL)
        reason = phrase_of(status);
    if (status != 408) /* counted among the timeouts */
        board_count(worker->shown, COUNTER_bad_requests, 1);
    response_log_refusal(connection, status, reason);
    connection->request->keep_alive = false;
    send_line(connection, status, "", reason);
}

/* For `retry:`: a herd that was refused at once must not come back at once. */
static uint32_t jittered(struct worker *worker, uint32_t delay_ms)
{
    return delay_ms / 2 + worker_random(worker, delay_ms + 1);
}

void response_later(struct connection *connection, int status,
                    uint32_t delay_ms, const char *reason, int outcome_unknown)
{
    struct worker *worker = connection_worker(connection);
    struct request *request = connection->request;
    char line[64];
    if (delay_ms == 0)
        delay_ms = LATER_DEFAULT_MS;
    if (delay_ms > 86400000)
        delay_ms = 86400000;
    if (request->accepts_stream) {
        static const char headers[] =
            "Content-Type: text/event-stream;charset=utf-8\r\n"
            "Cache-Control: no-cache, no-transform\r\n"
            "X-Accel-Buffering: no\r\n";
        int size = snprintf(line, sizeof line, "retry: %u\n\n",
                            jittered(worker, delay_ms));
        request->keep_alive = false;
        response_send(connection, 200, text_of(headers, sizeof headers - 1),
                      text_of(line, (size_t)size));
        return;
    }
    line[0] = '\0';
    if (!outcome_unknown || request_is_repeatable(request))
        snprintf(line, sizeof line, "Retry-After: %u\r\n",
                 (delay_ms + 999) / 1000);
    send_line(connection, status, line, reason);
}
