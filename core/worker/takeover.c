/* SPDX-License-Identifier: MIT */
#include "worker/takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "supervisor/control.h"
#include "worker/move_batch.h"
#include "worker/process.h"

enum { TAKEOVER_MAGIC = 0x454b4154 };

/* From one sibling. */
struct takeover {
    uint32_t magic;
    uint32_t from;
    struct worker *worker;
    struct list link; /* of worker->takeovers */
    int fd;
    uv_poll_t poll;
    struct list held; /* ours, and not begun before GO (struct
                         connection.member) */
};

static void on_closed(uv_handle_t *handle)
{
    struct takeover *takeover =
        CHECK_CAST(struct takeover, handle->data, TAKEOVER_MAGIC);
    close(takeover->fd);
    takeover->magic = 0;
    free(takeover);
}

/* Whatever became of the other: what has come is ours. */
static void end(struct takeover *takeover)
{
    move_batch_start(takeover->worker, &takeover->held);
    list_remove(&takeover->link);
    uv_close((uv_handle_t *)&takeover->poll, on_closed);
}

static void answer(struct takeover *takeover, enum move_type type)
{
    /* If this fails the other has died, and its end is heard of. */
    control_send(takeover->fd, type, NULL, 0, NULL, 0);
}

static void refuse(struct takeover *takeover)
{
    board_count(takeover->worker->shown, COUNTER_moves_refused, 1);
    answer(takeover, MOVE_REFUSED);
}

static void take_batch(struct takeover *takeover,
                       const struct control_message *message)
{
    struct worker *worker = takeover->worker;
    struct move_batch batch;
    if (!move_batch_receive(&batch, message)) {
        log_error("worker %u sent clients in a form that is not ours",
                  takeover->from);
        refuse(takeover);
    } else if (worker->handover.active ||
               !listeners_have_room(worker, batch.count)) {
        refuse(takeover);
    } else {
        board_count(worker->shown, COUNTER_moved, batch.count);
        move_batch_adopt(&batch, worker, &takeover->held);
        FAULT_POINT("take over: adopted");
        answer(takeover, MOVE_TAKEN);
        FAULT_POINT("take over: taken");
    }
    move_batch_done(&batch);
}

static void obey(struct takeover *takeover,
                 const struct control_message *message)
{
    if (message->type == MOVE_BATCH) {
        take_batch(takeover, message);
    } else if (message->type == MOVE_GO) {
        move_batch_start(takeover->worker, &takeover->held);
        FAULT_POINT("take over: begun");
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct takeover *takeover =
        CHECK_CAST(struct takeover, poll->data, TAKEOVER_MAGIC);
    struct control_message message;
    (void)status;
    (void)events;
    int got = control_receive(takeover->fd, &message);
    if (got == 1)
        obey(takeover, &message);
    else if (got < 0 && errno == EMFILE) /* they did not all come */
        refuse(takeover);
    else if (got == 0 || errno != EAGAIN)
        end(takeover);
}

void takeover_begin(struct worker *worker, uint32_t from, int fd)
{
    struct takeover *takeover = xcalloc(1, sizeof *takeover);
    takeover->magic = TAKEOVER_MAGIC;
    takeover->from = from;
    takeover->worker = worker;
    takeover->fd = fd;
    list_init(&takeover->held);
    list_append(&worker->takeovers, &takeover->link);
    CHECK(uv_poll_init(&worker->loop, &takeover->poll, fd) == 0);
    takeover->poll.data = takeover;
    uv_poll_start(&takeover->poll, UV_READABLE | UV_DISCONNECT, on_readable);
}

void takeovers_close(struct worker *worker)
{
    while (!list_is_empty(&worker->takeovers))
        end(LIST_ENTRY(worker->takeovers.next, struct takeover, link));
}
