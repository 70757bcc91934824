/* SPDX-License-Identifier: MIT */
/*
 * The sockets are polled and accepted from by ourselves: libuv's own listening
 * cannot pause, and at the limit of descriptors it either spins or closes
 * connections without a word.
 */
#include "worker/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "worker/connection.h"
#include "worker/process.h"

enum {
    LISTENER_MAGIC = 0x4e54534c,
    ACCEPTS_PER_TURN = 64,
    RETRY_MS = 100,
    WARN_MS = 10000,
    USER_TIMEOUT_MS = 30000,
    /* What a worker opens beside sockets: maps, bells, epoll, and some more. */
    OTHER_DESCRIPTORS = 32
};

static uint32_t open_connections(const struct worker *worker)
{
    return __atomic_load_n(&worker->shown->connections, __ATOMIC_RELAXED);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Not more often than once in WARN_MS: at the limit it happens all the time. */
static void warn(struct worker *worker, const char *why)
{
    struct listeners *listeners = &worker->listeners;
    uint64_t now = worker_now(worker);
    if (listeners->warned_at != 0 && now - listeners->warned_at < WARN_MS)
        return;
    listeners->warned_at = now;
    log_warn("no more are accepted at the moment, %u connections open: %s",
             open_connections(worker), why);
}

static void set_paused(struct worker *worker, bool paused)
{
    struct listeners *listeners = &worker->listeners;
    if (listeners->paused == paused)
        return;
    listeners->paused = paused;
    for (uint32_t i = 0; i < listeners->count; i++) {
        if (paused)
            uv_poll_stop(&listeners->all[i].poll);
        else
            uv_poll_start(&listeners->all[i].poll, UV_READABLE, on_ready);
    }
}

/* The error of one accept; false ends the round. */
static bool goes_on_after(struct worker *worker, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        /* The socket stays readable: polling on would spin. */
        warn(worker, strerror(error));
        set_paused(worker, true);
        wheel_set(&worker->wheel, &worker->listeners.retry, RETRY_MS);
        return false;
    default:
        /* Errors of the connection that was waiting (ECONNABORTED and many
           others, accept(2)): there may be a next one. */
        return true;
    }
}

static void accept_some(struct listener *listener)
{
    struct worker *worker = listener->worker;
    struct listeners *listeners = &worker->listeners;
    for (int i = 0; i < ACCEPTS_PER_TURN && !listeners->paused; i++) {
        int fd =
            accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (!goes_on_after(worker, errno))
                return;
            continue;
        }
        uint32_t open = open_connections(worker);
        connection_open(worker, fd, open >= listeners->connections_max);
        if (open + 1 >= listeners->pause_at) {
            warn(worker, "the limit `connections`, or that of descriptors");
            set_paused(worker, true);
        }
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *listener =
        CHECK_CAST(struct listener, poll->data, LISTENER_MAGIC);
    (void)events;
    if (status == 0)
        accept_some(listener);
}

/* The thresholds, from the config and from the descriptors of this process. */
static void set_limits(struct worker *worker, uint32_t workers)
{
    struct listeners *listeners = &worker->listeners;
    struct rlimit files;
    rlim_t most = 1024;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) == 0)
            most = files.rlim_max < UINT32_MAX ? files.rlim_max : UINT32_MAX;
    }
    uint64_t usable = most > 2 * OTHER_DESCRIPTORS ? most - OTHER_DESCRIPTORS
                                                   : OTHER_DESCRIPTORS;
    uint64_t share = (worker->plan.limits.connections + workers - 1) / workers;
    uint64_t max = usable * 90 / 100;
    max = share < max ? share : max;
    max = max > 0 ? max : 1;
    uint64_t pause = max + (max / 20 > 64 ? max / 20 : 64);
    uint64_t last = usable * 98 / 100;
    pause = pause < last ? pause : last;
    listeners->connections_max = (uint32_t)max;
    listeners->pause_at = (uint32_t)(pause > max ? pause : max + 1);
    listeners->resume_at = (uint32_t)(max + (listeners->pause_at - max) / 2);
}

/* Accepted sockets inherit both, which saves two calls for each. */
static void set_options(int fd)
{
    int on = 1;
    int timeout_ms = USER_TIMEOUT_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
               sizeof timeout_ms);
}

int listeners_open(struct worker *worker, const int *fds, uint32_t count,
                   uint32_t workers)
{
    struct listeners *listeners = &worker->listeners;
    CHECK(count <= STENTOR_LISTENERS_MAX && workers > 0);
    wheel_member_init(&listeners->retry);
    set_limits(worker, workers);
    for (uint32_t i = 0; i < count; i++) {
        struct listener *listener = &listeners->all[i];
        listener->magic = LISTENER_MAGIC;
        listener->fd = fds[i];
        listener->worker = worker;
        set_options(fds[i]);
        int result = uv_poll_init(&worker->loop, &listener->poll, fds[i]);
        if (result != 0)
            return result;
        listener->poll.data = listener;
        listeners->count++;
        result = uv_poll_start(&listener->poll, UV_READABLE, on_ready);
        if (result != 0)
            return result;
    }
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener =
        CHECK_CAST(struct listener, handle->data, LISTENER_MAGIC);
    close(listener->fd);
    listener->magic = 0;
}

void listeners_close(struct worker *worker)
{
    struct listeners *listeners = &worker->listeners;
    wheel_clear(&worker->wheel, &listeners->retry);
    for (uint32_t i = 0; i < listeners->count; i++)
        uv_close((uv_handle_t *)&listeners->all[i].poll, on_closed);
    listeners->count = 0;
}

void listeners_resume(struct worker *worker)
{
    struct listeners *listeners = &worker->listeners;
    if (!listeners->paused || worker->stopping ||
        !list_is_empty(&listeners->retry.link) ||
        open_connections(worker) > listeners->resume_at)
        return;
    set_paused(worker, false);
}
