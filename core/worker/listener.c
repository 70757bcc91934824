/* SPDX-License-Identifier: MIT */
/*
 * The sockets are polled and accepted from by ourselves: libuv's own listening
 * cannot pause, and at the limit of descriptors it either spins or closes
 * connections without a word.
 */
#include "worker/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/connection.h"
#include "worker/origin.h"
#include "worker/process.h"

enum {
    LISTENER_MAGIC = 0x4e54534c,
    ACCEPTS_PER_TURN = 64,
    RETRY_MS = 100,
    WARN_MS = 10000,
    SURPLUS_MIN = 64, /* of those to be refused, open at once */
    /* What a worker opens beside sockets: maps, bells, epoll, and some more. */
    OTHER_DESCRIPTORS = 32
};

static uint32_t own_connections(const struct worker *worker)
{
    return __atomic_load_n(&worker->shown->connections, __ATOMIC_RELAXED);
}

/* Over the limit `connections`, so many more are open before none is accepted:
   they are being refused. */
static uint32_t total_pause_at(const struct worker *worker)
{
    uint32_t most = worker->plan.limits.connections;
    return most + (most / 20 > SURPLUS_MIN ? most / 20 : SURPLUS_MIN);
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
             own_connections(worker), why);
}

/* --- pausing -------------------------------------------------------------- */

static void say_full(struct worker *worker, bool full)
{
    struct listeners *listeners = &worker->listeners;
    if (listeners->said_full == full)
        return;
    if (control_send(CONTROL_FD, full ? CONTROL_FULL : CONTROL_ROOM, NULL, 0,
                     NULL, 0) == 0)
        listeners->said_full = full;
}

static void look_again(struct worker *worker)
{
    struct wheel_member *retry = &worker->listeners.retry;
    if (list_is_empty(&retry->link))
        wheel_set(&worker->wheel, retry, RETRY_MS);
}

static void set_paused(struct worker *worker, bool paused)
{
    struct listeners *listeners = &worker->listeners;
    listeners->paused = paused;
    for (struct list *link = listeners->all.next; link != &listeners->all;
         link = link->next) {
        struct listener *listener = LIST_ENTRY(link, struct listener, link);
        if (paused)
            uv_poll_stop(&listener->poll);
        else
            uv_poll_start(&listener->poll, UV_READABLE, on_ready);
    }
    if (paused)
        look_again(worker);
}

/* The socket stays readable: polling on would spin. */
static void pause_for_descriptors(struct worker *worker, const char *why)
{
    warn(worker, why);
    set_paused(worker, true);
    say_full(worker, true);
}

static bool take_reserve(struct listeners *listeners)
{
    if (listeners->reserve < 0)
        listeners->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return listeners->reserve >= 0;
}

bool listeners_have_room(const struct worker *worker, uint32_t more)
{
    return own_connections(worker) + more <= worker->listeners.resume_at;
}

void listeners_resume(struct worker *worker)
{
    struct listeners *listeners = &worker->listeners;
    if (!listeners->paused || worker->stopping ||
        !list_is_empty(&listeners->retry.link))
        return;
    uint32_t most = worker->plan.limits.connections;
    bool has_descriptors =
        listeners_have_room(worker, 0) && take_reserve(listeners);
    if (has_descriptors)
        say_full(worker, false);
    if (has_descriptors && board_connections(&worker->board) <=
                               most + (total_pause_at(worker) - most) / 2)
        set_paused(worker, false);
    else
        look_again(worker);
}

/* --- accepting ------------------------------------------------------------ */

static int accept_one(const struct listener *listener,
                      struct sockaddr_storage *peer)
{
    socklen_t size = sizeof *peer;
    return accept4(listener->fd, (struct sockaddr *)peer, &size,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void open_client(const struct listener *listener, int fd,
                        const struct sockaddr_storage *peer, bool surplus)
{
    struct connection *connection =
        connection_open(listener->worker, fd, surplus);
    if (!origin_arrive(connection, (const struct sockaddr *)peer,
                       listener->number))
        connection_close(connection, COUNTER_closed_error);
}

/* All descriptors are used: one client more can be told so with the reserve. */
static void accept_with_reserve(struct listener *listener)
{
    struct listeners *listeners = &listener->worker->listeners;
    if (listeners->reserve < 0)
        return;
    close(listeners->reserve);
    listeners->reserve = -1;
    struct sockaddr_storage peer;
    int fd = accept_one(listener, &peer);
    if (fd >= 0)
        open_client(listener, fd, &peer, true);
}

/* The error of one accept; false ends the round. */
static bool goes_on_after(struct listener *listener, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        accept_with_reserve(listener);
        pause_for_descriptors(listener->worker, strerror(error));
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
    uint32_t total = board_connections(&worker->board);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        int fd = accept_one(listener, &peer);
        if (fd < 0) {
            if (!goes_on_after(listener, errno))
                return;
            continue;
        }
        uint32_t own = own_connections(worker);
        open_client(listener, fd, &peer,
                    own >= listeners->refuse_at ||
                        total >= worker->plan.limits.connections);
        total++;
        if (own + 1 >= listeners->pause_at) {
            pause_for_descriptors(worker, "descriptors (raise: ulimit -Hn)");
            return;
        }
        if (total >= total_pause_at(worker)) {
            warn(worker, "the limit `connections`");
            set_paused(worker, true);
            return;
        }
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *listener =
        CHECK_CAST(struct listener, poll->data, LISTENER_MAGIC);
    (void)events;
    if (status == 0 && !listener->worker->listeners.paused)
        accept_some(listener);
}

/* --- life ------------------------------------------------------------------ */

/* The thresholds, from the descriptors of this process. */
static void set_limits(struct listeners *listeners)
{
    struct rlimit files;
    rlim_t most = 1024;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) == 0)
            most = files.rlim_max < UINT32_MAX ? files.rlim_max : UINT32_MAX;
    }
    uint64_t usable = most > 2 * OTHER_DESCRIPTORS ? most - OTHER_DESCRIPTORS
                                                   : OTHER_DESCRIPTORS;
    listeners->refuse_at = (uint32_t)(usable * 90 / 100);
    listeners->resume_at = (uint32_t)(usable * 95 / 100);
    listeners->pause_at = (uint32_t)(usable * 98 / 100);
}

void listeners_init(struct worker *worker)
{
    struct listeners *listeners = &worker->listeners;
    list_init(&listeners->all);
    wheel_member_init(&listeners->retry);
    set_limits(listeners);
    __atomic_store_n(&worker->shown->descriptors, listeners->refuse_at,
                     __ATOMIC_RELAXED);
    listeners->reserve = -1;
    take_reserve(listeners);
}

static int add(struct worker *worker, uint32_t of, uint32_t number, int fd)
{
    struct listeners *listeners = &worker->listeners;
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->magic = LISTENER_MAGIC;
    listener->of = of;
    listener->number = number;
    listener->fd = fd;
    listener->worker = worker;
    int result = uv_poll_init(&worker->loop, &listener->poll, fd);
    if (result != 0) {
        close(fd);
        free(listener);
        return result;
    }
    listener->poll.data = listener;
    list_append(&listeners->all, &listener->link);
    return listeners->paused
               ? 0
               : uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

int listeners_add(struct worker *worker, uint32_t of, const int *fds,
                  uint32_t count)
{
    int result = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (result == 0)
            result = add(worker, of, i, fds[i]);
        else
            close(fds[i]);
    }
    return result;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener =
        CHECK_CAST(struct listener, handle->data, LISTENER_MAGIC);
    close(listener->fd);
    listener->magic = 0;
    free(listener);
}

static void drop(struct listener *listener)
{
    list_remove(&listener->link);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
}

void listeners_drop(struct worker *worker, uint32_t of)
{
    struct list *all = &worker->listeners.all;
    for (struct list *link = all->next; link != all;) {
        struct listener *listener = LIST_ENTRY(link, struct listener, link);
        link = link->next;
        if (listener->of == of)
            drop(listener);
    }
}

static bool somebody_waits(const struct listener *listener)
{
    struct pollfd wait = { .fd = listener->fd, .events = POLLIN };
    return poll(&wait, 1, 0) > 0 && (wait.revents & POLLIN) != 0;
}

void listeners_leave(struct worker *worker)
{
    struct listeners *listeners = &worker->listeners;
    for (struct list *link = listeners->all.next; link != &listeners->all;
         link = link->next) {
        struct listener *listener = LIST_ENTRY(link, struct listener, link);
        while (!listeners->paused && somebody_waits(listener))
            accept_some(listener);
    }
    listeners_close(worker);
}

void listeners_close(struct worker *worker)
{
    struct list *all = &worker->listeners.all;
    wheel_clear(&worker->wheel, &worker->listeners.retry);
    while (!list_is_empty(all))
        drop(LIST_ENTRY(all->next, struct listener, link));
}
