/* SPDX-License-Identifier: MIT */
/*
 * One batch is under way at a time. It is this worker's until it is answered:
 * if the other dies before, or has no room, the clients are taken back and
 * served here until another sibling is found.
 */
#include "worker/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "supervisor/control.h"
#include "worker/connection.h"
#include "worker/process.h"

enum {
    HANDOVER_LINK_MAGIC = 0x4c444e48,
    HANDOVER_RETRY_MS = 100,
    HANDOVER_REFUSED_MS = 1000
};

/* Lives until its handle is closed. */
struct handover_link {
    uint32_t magic;
    struct worker *worker;
    int fd;
    uv_poll_t poll;
};

void handover_init(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    *handover = (struct handover){ .next_link = -1 };
    wheel_member_init(&handover->retry);
}

static void retry_in(struct worker *worker, uint64_t delay_ms)
{
    struct wheel_member *retry = &worker->handover.retry;
    if (list_is_empty(&retry->link))
        wheel_set(&worker->wheel, retry, delay_ms);
}

/* --- choosing who goes ---------------------------------------------------- */

static bool may_go(const struct connection *connection)
{
    const struct fanout *fanout = &connection_worker(connection)->fanout;
    return !connection->tell || told_is_quiet(&fanout->told);
}

/* False: no more can be added. */
static bool add(struct handover *handover, struct connection *connection)
{
    return !move_batch_is_full(&handover->batch) &&
           move_batch_add(&handover->batch, connection);
}

/* Those that are not in step. */
static void add_from(struct handover *handover, struct list *list)
{
    for (struct list *link = list->next; link != list;) {
        struct connection *connection =
            LIST_ENTRY(link, struct connection, member);
        link = link->next;
        if (may_go(connection) && !add(handover, connection))
            return;
    }
}

/* Of an audience that is being served, those who have been. */
static void add_in_step(struct worker *worker, struct audience *audience)
{
    struct handover *handover = &worker->handover;
    const struct fanout *fanout = &worker->fanout;
    const struct list *end = &audience->in_step;
    if (fanout->serving == audience)
        end = fanout->next_member;
    for (struct list *link = audience->in_step.next; link != end;) {
        struct connection *connection =
            LIST_ENTRY(link, struct connection, member);
        bool last = audience->streams == 1; /* the audience goes with it */
        link = link->next;
        if (may_go(connection) && (!add(handover, connection) || last))
            return;
    }
}

static void add_streams(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    struct fanout *fanout = &worker->fanout;
    struct audiences *audiences = &fanout->audiences;
    add_from(handover, &fanout->behind);
    add_from(handover, &fanout->ready);
    add_from(handover, &fanout->waiting);
    for (uint32_t i = 0; i <= audiences->mask; i++) {
        struct audience *next;
        for (struct audience *one = audiences->buckets[i]; one != NULL;
             one = next) {
            next = one->next_in_bucket;
            if (move_batch_is_full(&handover->batch))
                return;
            add_in_step(worker, one);
        }
    }
}

static void add_if_idle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct connection *connection =
        CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_IDLE)
        add(&connection_worker(connection)->handover, connection);
}

/* --- the batch under way -------------------------------------------------- */

/* It is ours again. */
static void take_back(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    struct list clients;
    list_init(&clients);
    move_batch_adopt(&handover->batch, worker, &clients);
    move_batch_uncount(&handover->batch, worker);
    move_batch_done(&handover->batch);
    handover->waiting = false;
    move_batch_start(worker, &clients);
}

static void finish_batch(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    handover->moved += handover->batch.count;
    move_batch_uncount(&handover->batch, worker);
    move_batch_done(&handover->batch);
    handover->waiting = false;
    FAULT_POINT("hand over: forgotten");
    /* If this fails, he has died: he has them all the same. */
    control_send(handover->link->fd, MOVE_GO, NULL, 0, NULL, 0);
    FAULT_POINT("hand over: gone");
    worker_keep_awake(worker);
}

/* --- the link ------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct handover_link *link =
        CHECK_CAST(struct handover_link, handle->data, HANDOVER_LINK_MAGIC);
    close(link->fd);
    link->magic = 0;
    free(link);
}

static void drop_link(struct handover *handover)
{
    if (handover->link != NULL)
        uv_close((uv_handle_t *)&handover->link->poll, on_closed);
    handover->link = NULL;
}

static void take_answer(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    struct control_message answer;
    int got = control_receive(handover->link->fd, &answer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got == 1 && answer.type == MOVE_TAKEN && handover->waiting) {
        finish_batch(worker);
        return;
    }
    if (handover->waiting)
        take_back(worker);
    if (got == 1) { /* refused */
        retry_in(worker, HANDOVER_REFUSED_MS);
        return;
    }
    log_debug("who took our clients has gone");
    drop_link(handover);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct handover_link *link =
        CHECK_CAST(struct handover_link, poll->data, HANDOVER_LINK_MAGIC);
    (void)status;
    (void)events;
    take_answer(link->worker);
}

static void open_link(struct worker *worker, int fd)
{
    struct handover_link *link = xcalloc(1, sizeof *link);
    link->magic = HANDOVER_LINK_MAGIC;
    link->worker = worker;
    link->fd = fd;
    CHECK(uv_poll_init(&worker->loop, &link->poll, fd) == 0);
    link->poll.data = link;
    uv_poll_start(&link->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    worker->handover.link = link;
}

void handover_begin(struct worker *worker, int fd)
{
    struct handover *handover = &worker->handover;
    if (!handover->active)
        log_info("surplus: %u connections go to a sibling",
                 worker->shown->connections);
    handover->active = true;
    listeners_close(worker);
    if (handover->next_link >= 0)
        close(handover->next_link);
    handover->next_link = fd;
    worker_keep_awake(worker);
}

/* --- the turn ------------------------------------------------------------- */

/* Between two batches the supervisor's newer choice is followed. */
static void follow(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    if (handover->next_link < 0)
        return;
    drop_link(handover);
    open_link(worker, handover->next_link);
    handover->next_link = -1;
    wheel_clear(&worker->wheel, &handover->retry);
}

static void send_batch(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    add_streams(worker);
    if (!move_batch_is_full(&handover->batch))
        uv_walk(&worker->loop, add_if_idle, NULL);
    if (handover->batch.count == 0) {
        if (worker->fanout.serving != NULL)
            return; /* the pass goes on by itself, and then it is our turn */
        retry_in(worker, HANDOVER_RETRY_MS); /* requests, or the brain's turn */
        return;
    }
    handover->waiting = true;
    if (move_batch_send(&handover->batch, handover->link->fd) == 0) {
        FAULT_POINT("hand over: sent");
        return;
    }
    log_warn("cannot move clients now: %s", strerror(errno));
    take_back(worker);
    retry_in(worker, HANDOVER_REFUSED_MS);
}

static bool is_empty(const struct worker *worker)
{
    return worker->shown->connections == 0 &&
           told_is_quiet(&worker->fanout.told);
}

void handover_turn(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    if (!handover->active || handover->waiting || worker->stopping)
        return;
    if (is_empty(worker)) {
        log_info("%u clients were moved", handover->moved);
        worker_stop(worker);
        return;
    }
    follow(worker);
    if (!list_is_empty(&handover->retry.link))
        return;
    if (handover->link != NULL)
        send_batch(worker);
    else
        retry_in(worker, HANDOVER_RETRY_MS);
}

void handover_close(struct worker *worker)
{
    struct handover *handover = &worker->handover;
    drop_link(handover);
    wheel_clear(&worker->wheel, &handover->retry);
    move_batch_done(&handover->batch);
    if (handover->next_link >= 0)
        close(handover->next_link);
    handover->next_link = -1;
}
