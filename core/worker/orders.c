/* SPDX-License-Identifier: MIT */
#include "worker/orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "worker/connection.h"
#include "worker/decision.h"
#include "worker/heartbeat.h"
#include "worker/process.h"
#include "worker/takeover.h"

static void move_mailbox(struct worker *worker, int fd)
{
    char error[STENTOR_ERROR_BYTES];
    while (decisions_read(worker, DECISIONS_OF_TURN))
        ;
    uint64_t taken =
        __atomic_load_n(&worker->mailbox.header->up.taken, __ATOMIC_ACQUIRE);
    told_rescue(&worker->fanout.told, taken);
    mailbox_close(&worker->mailbox);
    if (mailbox_open(&worker->mailbox, fd, error) != 0) {
        /* Started again, a worker gets everything anew. */
        log_error("the new mailbox: %s", error);
        exit(1);
    }
    close(fd);
    log_debug("a new brain: %u requests wait", worker->pending.count);
    pending_move(worker, taken);
}

/* Each in a phase of its own, as if the stream had just begun. */
static void spread_heartbeat(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct connection *connection =
        CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_STREAMING && connection->own == NULL &&
        connection->policy == POLICY_SERVER)
        heartbeat_spread(connection);
}

/* Limits are looked up in the plan each time. */
static void follow_plan(struct worker *worker, const struct stentor_plan *plan)
{
    bool same_rhythm =
        plan->heartbeat.every_ms == worker->plan.heartbeat.every_ms;
    worker->plan = *plan;
    log_set_level((enum log_level)plan->log_level);
    policies_renew(&worker->policies, plan);
    if (!same_rhythm)
        uv_walk(&worker->loop, spread_heartbeat, NULL);
    listeners_resume(worker);
}

/* A sibling cannot accept for now. */
static void cover(struct worker *worker, const struct control_message *message)
{
    const struct control_worker *sibling = (const void *)message->body;
    int result =
        listeners_add(worker, sibling->number, message->fds, message->fd_count);
    if (result != 0)
        log_error("cannot accept for worker %u: %s", sibling->number,
                  uv_strerror(result));
}

static void obey(struct worker *worker, const struct control_message *message)
{
    const struct control_worker *sibling = (const void *)message->body;
    switch (message->type) {
    case CONTROL_COVER:
        cover(worker, message);
        break;
    case CONTROL_UNCOVER:
        listeners_drop(worker, sibling->number);
        break;
    case CONTROL_TAKE_OVER:
        CHECK(message->fd_count == 1);
        takeover_begin(worker, sibling->number, message->fds[0]);
        break;
    case CONTROL_HAND_OVER:
        CHECK(message->fd_count == 1);
        handover_begin(worker, message->fds[0]);
        break;
    case CONTROL_PLAN:
        CHECK(message->size == sizeof worker->plan);
        follow_plan(worker, (const void *)message->body);
        break;
    case CONTROL_DRAIN:
        CHECK(message->size == sizeof(struct control_drain));
        drain_obey(worker, (const void *)message->body);
        break;
    case CONTROL_MAILBOX:
        CHECK(message->fd_count == 1);
        move_mailbox(worker, message->fds[0]);
        break;
    case CONTROL_STOP:
        worker_stop(worker);
        break;
    default:
        log_error("unexpected control message %u", message->type);
    }
}

void orders_read(struct worker *worker)
{
    struct control_message message;
    while (!worker->stopping) {
        int result = control_receive(CONTROL_FD, &message);
        if (result < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (result < 0) /* started again, a worker gets everything anew */
            log_error("the supervisor's orders cannot be read: %s",
                      strerror(errno));
        if (result <= 0)
            _exit(1); /* the supervisor has died: its sockets are nobody's */
        obey(worker, &message);
    }
}
