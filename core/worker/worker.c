/* SPDX-License-Identifier: MIT */
/*
 * A turn of the loop: sockets are read (and requests sent to the brain), then
 * in after_sleep the brain's answers are carried out and one slice of the
 * fan-out is done. Only when nothing is left does the worker lie down, in
 * before_sleep, as bell.h wants it.
 */
#include "worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mailbox/bell.h"
#include "worker/connection.h"
#include "worker/decision.h"
#include "worker/orders.h"
#include "worker/process.h"
#include "worker/request.h"
#include "worker/response.h"
#include "worker/takeover.h"

/* The descriptors beside CONTROL_OBJECTS, in control.h's order. */
enum { FD_JOURNAL, FD_BOARD, FD_MAILBOX, FD_BELL, FD_BRAIN_BELL, FD_LISTENERS };

/* --- what its parts call ------------------------------------------------ */

static void on_keep_awake(uv_idle_t *idle)
{
    (void)idle; /* an active idle handle keeps poll from sleeping */
}

void worker_keep_awake(struct worker *worker)
{
    if (!worker->stopping)
        uv_idle_start(&worker->keep_awake, on_keep_awake);
}

uint64_t worker_now(const struct worker *worker)
{
    return uv_now(&worker->loop);
}

uint32_t worker_random(struct worker *worker, uint32_t below)
{
    uint64_t x = worker->random; /* xorshift64 */
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    worker->random = x;
    return below == 0 ? 0 : (uint32_t)((x >> 32) % below);
}

const struct stentor_policy *worker_policy(const struct connection *stream)
{
    const struct worker *worker = connection_worker(stream);
    CHECK(stream->state == CONNECTION_STREAMING);
    return policy_at(&worker->policies, stream->policy);
}

struct request *worker_take_request(struct worker *worker)
{
    struct request *request = worker->spare;
    if (request == NULL)
        return request_new(&worker->plan.limits);
    worker->spare = request->next_in_bucket;
    worker->spare_count--;
    request->next_in_bucket = NULL;
    return request;
}

void worker_give_request(struct worker *worker, struct request *request)
{
    if (worker->spare_count >= WORKER_SPARE_REQUESTS || worker->stopping) {
        request_free(request);
        return;
    }
    request_recycle(request);
    request->next_in_bucket = worker->spare;
    worker->spare = request;
    worker->spare_count++;
}

static void on_deadline(struct wheel *wheel, struct wheel_member *member)
{
    struct worker *worker = wheel->owner;
    if (member == &worker->listeners.retry) {
        listeners_resume(worker);
    } else if (member == &worker->pending.retry) {
        pending_send_held(worker);
    } else if (member == &worker->handover.retry) {
        worker_keep_awake(worker); /* the turn does the rest */
    } else if (member == &worker->refused_timer) {
        response_log_rest(worker);
    } else if (member == &worker->drain.timer) {
        drain_tick(worker);
    } else {
        struct connection *connection =
            LIST_ENTRY(member, struct connection, timer);
        CHECK(connection->magic == CONNECTION_MAGIC);
        connection_deadline(connection);
    }
}

/* --- the turn ----------------------------------------------------------- */

static void turn(struct worker *worker)
{
    uv_idle_stop(&worker->keep_awake);
    handover_turn(worker);
    bool more = decisions_read(worker, DECISIONS_OF_TURN);
    more |= fanout_turn(&worker->fanout);
    pending_send_held(worker);
    removal_turn(worker);
    if (more)
        worker_keep_awake(worker);
}

static void lie_down(struct worker *worker)
{
    if (uv_is_active((uv_handle_t *)&worker->keep_awake))
        return;
    bell_lie_down(&worker->shown->asleep);
    if (mail_waits(&worker->mailbox.down) || fanout_has_news(&worker->fanout)) {
        bell_get_up(&worker->shown->asleep);
        worker_keep_awake(worker);
    }
}

static struct worker *of_loop(const uv_loop_t *loop)
{
    return CHECK_CAST(struct worker, loop->data, WORKER_MAGIC);
}

static void on_before_sleep(uv_prepare_t *prepare)
{
    lie_down(of_loop(prepare->loop));
}

static void on_after_sleep(uv_check_t *check)
{
    struct worker *worker = of_loop(check->loop);
    bell_get_up(&worker->shown->asleep);
    turn(worker);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    bell_quiet(of_loop(poll->loop)->bell); /* the turn does the rest */
}

/* --- the end ------------------------------------------------------------ */

static void close_client(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct connection *connection =
        CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_STREAMING && !connection->http_1_0) {
        /* Where bytes are still queued this writes nothing, and the client
           sees a body cut short, as it should. */
        static char last_chunk[] = "0\r\n\r\n";
        uv_buf_t buf = uv_buf_init(last_chunk, sizeof last_chunk - 1);
        uv_try_write((uv_stream_t *)&connection->tcp, &buf, 1);
    }
    connection_close(connection, COUNTER_closed_stop);
}

void worker_stop(struct worker *worker)
{
    if (worker->stopping)
        return;
    takeovers_close(worker);
    worker->stopping = true;
    handover_close(worker);
    listeners_close(worker);
    uv_walk(&worker->loop, close_client, NULL);
    response_log_rest(worker);
    wheel_clear(&worker->wheel, &worker->pending.retry);
    wheel_clear(&worker->wheel, &worker->drain.timer);
    wheel_close(&worker->wheel);
    uv_close((uv_handle_t *)&worker->bell_poll, NULL);
    uv_close((uv_handle_t *)&worker->control_poll, NULL);
    uv_close((uv_handle_t *)&worker->before_sleep, NULL);
    uv_close((uv_handle_t *)&worker->after_sleep, NULL);
    uv_close((uv_handle_t *)&worker->keep_awake, NULL);
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    orders_read(of_loop(poll->loop));
}

/* --- life --------------------------------------------------------------- */

/* Maps what came with CONTROL_OBJECTS. */
static int receive_objects(struct worker *worker,
                           const struct control_message *message)
{
    char error[STENTOR_ERROR_BYTES];
    const struct control_objects *objects = (const void *)message->body;
    if (message->type != CONTROL_OBJECTS || message->size != sizeof *objects ||
        message->fd_count < FD_LISTENERS ||
        message->fd_count > FD_LISTENERS + STENTOR_LISTENERS_MAX) {
        log_error("the supervisor sent no objects");
        return -1;
    }
    worker->number = objects->number;
    worker->plan = objects->plan;
    log_set_level((enum log_level)worker->plan.log_level);
    if (journal_open(&worker->journal, message->fds[FD_JOURNAL], false,
                     error) != 0 ||
        board_open(&worker->board, message->fds[FD_BOARD], error) != 0 ||
        mailbox_open(&worker->mailbox, message->fds[FD_MAILBOX], error) != 0) {
        log_error("%s", error);
        return -1;
    }
    for (int i = FD_JOURNAL; i <= FD_MAILBOX; i++)
        close(message->fds[i]);
    worker->shown = board_worker(&worker->board, worker->number);
    worker->bell = message->fds[FD_BELL];
    worker->brain_bell = message->fds[FD_BRAIN_BELL];
    return 0;
}

static void open_loop(struct worker *worker)
{
    uv_loop_t *loop = &worker->loop;
    CHECK(uv_loop_init(loop) == 0);
    loop->data = worker;
    if (getrandom(&worker->random, sizeof worker->random, 0) < 0 ||
        worker->random == 0)
        worker->random = uv_hrtime() | 1;
    wheel_open(&worker->wheel, loop, on_deadline, worker);
    wheel_member_init(&worker->refused_timer);
    uv_idle_init(loop, &worker->keep_awake);
    uv_prepare_init(loop, &worker->before_sleep);
    uv_check_init(loop, &worker->after_sleep);
    CHECK(uv_poll_init(loop, &worker->bell_poll, worker->bell) == 0);
    CHECK(uv_poll_init(loop, &worker->control_poll, CONTROL_FD) == 0);
    uv_prepare_start(&worker->before_sleep, on_before_sleep);
    uv_check_start(&worker->after_sleep, on_after_sleep);
    uv_poll_start(&worker->bell_poll, UV_READABLE, on_bell);
    uv_poll_start(&worker->control_poll, UV_READABLE | UV_DISCONNECT,
                  on_control);
    pending_init(&worker->pending, worker->number, worker->shown->starts);
    policies_init(&worker->policies, &worker->plan);
    origins_init(&worker->origins);
    fanout_init(&worker->fanout, worker);
    handover_init(worker);
    drain_init(worker);
    removal_init(&worker->removal);
    list_init(&worker->takeovers);
}

static void done(struct worker *worker)
{
    fanout_done(&worker->fanout);
    removal_done(&worker->removal);
    policies_done(&worker->policies);
    origins_done(&worker->origins);
    pending_done(&worker->pending);
    while (worker->spare != NULL)
        request_free(worker_take_request(worker));
    buffer_done(&worker->head);
    CHECK(uv_loop_close(&worker->loop) == 0); /* no handle was forgotten */
    mailbox_close(&worker->mailbox);
    board_close(&worker->board);
    journal_close(&worker->journal);
    free(worker);
}

int worker_main(int number, pid_t parent)
{
    char name[32];
    snprintf(name, sizeof name, "worker %d", number);
    control_start_child(parent, name);
    struct worker *worker = xcalloc(1, sizeof *worker);
    worker->magic = WORKER_MAGIC;
    struct control_message *message = xmalloc(sizeof *message);
    int received = control_receive(CONTROL_FD, message);
    if (received <= 0 || receive_objects(worker, message) != 0)
        return 1;
    open_loop(worker);
    listeners_init(worker);
    int result =
        listeners_add(worker, worker->number, message->fds + FD_LISTENERS,
                      message->fd_count - FD_LISTENERS);
    free(message);
    if (result != 0) {
        log_error("cannot listen: %s", uv_strerror(result));
        return 1;
    }
    if (control_send(CONTROL_FD, CONTROL_READY, NULL, 0, NULL, 0) != 0)
        return 1;
    log_debug("serving; descriptors for %u connections",
              worker->listeners.refuse_at);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    done(worker);
    return 0;
}
