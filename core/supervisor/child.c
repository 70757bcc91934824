/* SPDX-License-Identifier: MIT */
/*
 * A child is this same program, started from /proc/self/exe: the file at the
 * path we were started by may have been replaced since. It inherits its end of
 * the control channel as CONTROL_FD and nothing else: all our descriptors are
 * close-on-exec.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"

enum {
    CHILD_MAGIC = 0x43485453,
    CHILD_DELAY_MIN_MS = 100,
    CHILD_DELAY_MAX_MS = 10000,
    CHILD_HEALTHY_MS = 30000, /* lived so long: its next start is not held up */
    CHILD_LAST_MS = 1000,     /* to end by itself after it hung up */
    CHILD_MESSAGES_MAX = 16   /* read in one turn */
};

static void on_due(uv_timer_t *timer);
static void on_exit(uv_process_t *process, int64_t exit_code, int signal);
static void read_messages(struct child *child);
static void on_readable(uv_poll_t *poll, int status, int events);

void child_init(struct child *child, uv_loop_t *loop, const char *role,
                void *owner, const struct child_events *events)
{
    memset(child, 0, sizeof *child);
    child->magic = CHILD_MAGIC;
    child->role = role;
    child->control = -1;
    child->loop = loop;
    child->owner = owner;
    child->events = events;
    child->delay_ms = CHILD_DELAY_MIN_MS;
    snprintf(child->name, sizeof child->name, "%s", role);
    uv_timer_init(loop, &child->timer);
    child->timer.data = child;
}

void child_set_number(struct child *child, uint32_t number)
{
    child->number = number;
    snprintf(child->name, sizeof child->name, "%s %" PRIu32, child->role,
             number);
}

static int spawn(struct child *child, int end)
{
    char number[16], parent[16];
    snprintf(number, sizeof number, "%" PRIu32, child->number);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char role[16];
    snprintf(role, sizeof role, "%s", child->role);
    char program[] = "stentor", command[] = "child";
    char *arguments[] = { program, command, role, number, parent, NULL };
    uv_stdio_container_t stdio[CONTROL_FD + 1] = {
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = end },
    };
    uv_process_options_t options = { .file = "/proc/self/exe",
                                     .args = arguments,
                                     .exit_cb = on_exit,
                                     .stdio_count = CONTROL_FD + 1,
                                     .stdio = stdio };
    return uv_spawn(child->loop, &child->process, &options);
}

static void on_closed(uv_handle_t *handle)
{
    struct child *child = CHECK_CAST(struct child, handle->data, CHILD_MAGIC);
    child->handles_open--;
}

static void close_handles(struct child *child)
{
    child->handles_open = 2;
    uv_close((uv_handle_t *)&child->process, on_closed);
    uv_close((uv_handle_t *)&child->poll, on_closed);
    close(child->control);
    child->control = -1;
    child->state = CHILD_DOWN;
}

int child_start(struct child *child)
{
    CHECK(child->state == CHILD_DOWN && child->handles_open == 0);
    int ends[2];
    if (control_pair(ends) != 0)
        return uv_translate_sys_error(errno);
    int code = uv_poll_init(child->loop, &child->poll, ends[0]);
    if (code != 0) {
        close(ends[0]);
        close(ends[1]);
        return code;
    }
    child->poll.data = child->process.data = child;
    child->control = ends[0];
    code = spawn(child, ends[1]);
    close(ends[1]);
    if (code != 0) {
        close_handles(child);
        return code;
    }
    child->state = CHILD_STARTING;
    child->started_ms = uv_now(child->loop);
    uv_poll_start(&child->poll, UV_READABLE, on_readable);
    return 0;
}

uint64_t child_start_later(struct child *child)
{
    uint64_t delay_ms = child->delay_ms;
    child->delay_ms *= 2;
    if (child->delay_ms > CHILD_DELAY_MAX_MS)
        child->delay_ms = CHILD_DELAY_MAX_MS;
    uv_timer_start(&child->timer, on_due, delay_ms, 0);
    return delay_ms;
}

void child_cancel_start(struct child *child)
{
    if (child->state == CHILD_DOWN)
        uv_timer_stop(&child->timer);
}

static void on_due(uv_timer_t *timer)
{
    struct child *child = CHECK_CAST(struct child, timer->data, CHILD_MAGIC);
    if (child->state == CHILD_DOWN)
        child->events->on_due(child);
    else
        child_kill(child);
}

static void describe(struct child_end *end)
{
    if (end->signal != 0)
        snprintf(end->text, sizeof end->text, "signal %d (%s)", end->signal,
                 strsignal(end->signal));
    else
        snprintf(end->text, sizeof end->text, "exit code %" PRId64,
                 end->exit_code);
}

static void on_exit(uv_process_t *process, int64_t exit_code, int signal)
{
    struct child *child = CHECK_CAST(struct child, process->data, CHILD_MAGIC);
    struct child_end end = { .exit_code = exit_code, .signal = signal };
    describe(&end);
    read_messages(child); /* what it said last may say why */
    uv_timer_stop(&child->timer);
    close_handles(child);
    if (uv_now(child->loop) - child->started_ms >= CHILD_HEALTHY_MS)
        child->delay_ms = CHILD_DELAY_MIN_MS;
    child->events->on_end(child, &end);
}

/* It may be about to end, and say why; so it gets a moment. */
static void hung_up(struct child *child)
{
    uv_poll_stop(&child->poll);
    uv_timer_start(&child->timer, on_due, CHILD_LAST_MS, 0);
}

static void read_messages(struct child *child)
{
    struct control_message message;
    for (int i = 0; i < CHILD_MESSAGES_MAX; i++) {
        int got = control_receive(child->control, &message);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            hung_up(child);
            return;
        }
        for (uint32_t fd = 0; fd < message.fd_count; fd++)
            close(message.fds[fd]); /* a child has none to give */
        child->events->on_message(child, &message);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct child *child = CHECK_CAST(struct child, poll->data, CHILD_MAGIC);
    (void)events;
    if (status < 0)
        hung_up(child);
    else
        read_messages(child);
}

void child_send(struct child *child, uint32_t type, const void *body,
                size_t size, const int *fds, uint32_t fd_count)
{
    if (child->state == CHILD_DOWN)
        return;
    if (control_send(child->control, type, body, size, fds, fd_count) == 0)
        return;
    if (errno != EPIPE) /* that one is ending anyway */
        log_error("%s does not take message %" PRIu32 ": %s; it is killed",
                  child->name, type, strerror(errno));
    child_kill(child);
}

void child_kill(struct child *child)
{
    if (child->state != CHILD_DOWN)
        uv_process_kill(&child->process, SIGKILL);
}

void child_close(struct child *child)
{
    CHECK(child->state == CHILD_DOWN);
    uv_close((uv_handle_t *)&child->timer, NULL);
}
