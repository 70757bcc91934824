/* SPDX-License-Identifier: MIT */
#include "load/lane.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "load/payload.h"

enum {
    LANE_MAGIC = 0x4c4c414e,
    PAUSE_US = 20 * 1000 /* after a failure: not to hammer a full server */
};

void load_lane_init(struct lane *lane, uint32_t index,
                    const struct load_job *job, int epoll)
{
    *lane = (struct lane){ .magic = LANE_MAGIC,
                           .index = index,
                           .fd = -1,
                           .state = LANE_IDLE,
                           .job = job,
                           .epoll = epoll };
    buffer_init(&lane->request);
    buffer_init(&lane->answer);
}

void load_lane_done(struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
    buffer_done(&lane->request);
    buffer_done(&lane->answer);
}

static void disconnect(struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = -1;
}

/* The event was not accepted: its number is free again. */
static void fail(struct lane *lane)
{
    lane->job->shared->published.failed++;
    lane->number--;
    lane->state = LANE_IDLE;
    lane->not_before_us = load_now_us() + PAUSE_US;
}

static void fail_connection(struct lane *lane, const char *why)
{
    load_answer_keep(lane->job->shared->published.answer, why, strlen(why));
    disconnect(lane);
    fail(lane);
}

static void watch(struct lane *lane, int operation, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = lane };
    CHECK(epoll_ctl(lane->epoll, operation, lane->fd, &event) == 0);
}

static void send_rest(struct lane *lane)
{
    const struct buffer *request = &lane->request;
    ssize_t sent = send(lane->fd, request->bytes + lane->sent,
                        request->size - lane->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) {
        fail_connection(lane, strerror(errno));
        return;
    }
    lane->sent += sent > 0 ? (size_t)sent : 0;
    bool was_sending = lane->state == LANE_SENDING;
    bool is_whole = lane->sent == request->size;
    lane->state = is_whole ? LANE_WAITING : LANE_SENDING;
    if (is_whole && was_sending)
        watch(lane, EPOLL_CTL_MOD, EPOLLIN);
    else if (!is_whole && !was_sending)
        watch(lane, EPOLL_CTL_MOD, EPOLLOUT | EPOLLIN);
}

static void build_request(struct lane *lane)
{
    const struct load_options *options = lane->job->options;
    const struct load_target *target = lane->job->target;
    struct buffer *request = &lane->request;
    size_t size = (size_t)options->size;
    struct payload payload = { .lane = lane->index,
                               .number = lane->number,
                               .sent_us = load_now_us() };
    request->size = 0;
    buffer_add_format(request,
                      "POST %s HTTP/1.1\r\nHost: %s\r\n"
                      "Content-Type: application/json\r\n"
                      "Content-Length: %zu\r\n",
                      target->path, target->host, size);
    buffer_add(request, options->headers.bytes, options->headers.size);
    buffer_add_text(request, "\r\n");
    load_payload_write(buffer_reserve(request, size), size, lane->job->run,
                       &payload);
    request->size += size;
}

void load_lane_publish(struct lane *lane)
{
    CHECK(lane->state == LANE_IDLE);
    CHECK(lane->number < PAYLOAD_NUMBER_MAX);
    lane->number++;
    lane->sent = 0;
    lane->has_head = false;
    lane->answer.size = 0;
    lane->job->shared->published.sent++;
    if (lane->fd < 0) {
        lane->fd = load_target_connect(lane->job->target, 0, 0);
        if (lane->fd < 0) {
            fail_connection(lane, strerror(errno));
            return;
        }
        watch(lane, EPOLL_CTL_ADD, EPOLLIN);
    }
    build_request(lane);
    send_rest(lane);
}

static void end_answer(struct lane *lane)
{
    struct load_shared *shared = lane->job->shared;
    int status = lane->head.status;
    /* An answer to half a request is a refusal to read the rest. */
    if (lane->head.is_last || lane->state == LANE_SENDING)
        disconnect(lane);
    if (status < 200 || status > 299) {
        fail(lane);
        return;
    }
    shared->published.accepted++;
    shared->accepted[lane->index] = lane->number;
    lane->state = LANE_IDLE;
}

static void take_body(struct lane *lane, const char *bytes, size_t size)
{
    struct body *body = &lane->head.body;
    const char *run;
    size_t run_size;
    while (size > 0) {
        size_t used = load_body_take(body, bytes, size, &run, &run_size);
        if (used == 0)
            break;
        bytes += used;
        size -= used;
    }
    if (body->state == BODY_BROKEN || (body->state == BODY_DONE && size > 0))
        fail_connection(lane, "a body that does not end where it should");
    else if (body->state == BODY_DONE)
        end_answer(lane);
}

static void take_answer(struct lane *lane, const char *bytes, size_t size)
{
    if (lane->has_head) {
        take_body(lane, bytes, size);
        return;
    }
    buffer_add(&lane->answer, bytes, size);
    int used = load_response_head_read(&lane->head, lane->answer.bytes,
                                       lane->answer.size);
    if (used == 0)
        return;
    char *kept = lane->job->shared->published.answer;
    if (used > 0 && (lane->head.status < 200 || lane->head.status > 299))
        load_answer_describe(kept, &lane->head, lane->answer.bytes + used,
                             lane->answer.size - (size_t)used, lane->fd);
    if (used < 0) {
        load_answer_keep(kept, lane->answer.bytes, lane->answer.size);
        fail_connection(lane, "not an HTTP/1 answer");
        return;
    }
    lane->has_head = true;
    take_body(lane, lane->answer.bytes + used,
              lane->answer.size - (size_t)used);
}

static void read_answer(struct lane *lane, char *room, size_t room_size)
{
    ssize_t size = recv(lane->fd, room, room_size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0 && lane->state != LANE_IDLE) {
        take_answer(lane, room, (size_t)size);
    } else if (lane->state == LANE_IDLE) {
        disconnect(lane); /* a server may end an idle connection */
    } else if (size == 0 && lane->has_head &&
               lane->head.body.state == BODY_UNTIL_CLOSE) {
        end_answer(lane);
    } else {
        fail_connection(lane, size < 0 ? strerror(errno)
                                       : "closed without an answer");
    }
}

void load_lane_on_ready(void *data, uint32_t events, char *room, size_t size)
{
    struct lane *lane = CHECK_CAST(struct lane, data, LANE_MAGIC);
    if (lane->fd < 0)
        return;
    if (lane->state == LANE_SENDING && (events & EPOLLIN) == 0)
        send_rest(lane);
    else
        read_answer(lane, room, size);
}
