/* SPDX-License-Identifier: MIT */
#include "supervisor/listening.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

enum { LISTENING_BACKLOG = 65535 /* the kernel caps it at somaxconn */ };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } of;
    socklen_t size;
};

void listening_name(const struct stentor_listener *address, char *name)
{
    bool v6 = strchr(address->host, ':') != NULL;
    snprintf(name, LISTENING_ADDRESS_BYTES,
             v6 ? "[%s]:%" PRIu32 : "%s:%" PRIu32, address->host,
             address->port);
}

void listening_add_urls(const struct stentor_listener *addresses,
                        uint32_t count, const char *between, struct buffer *to)
{
    char name[LISTENING_ADDRESS_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        listening_name(&addresses[i], name);
        buffer_add_format(to, "%shttp://%s", i > 0 ? between : "", name);
    }
}

static bool parse(const struct stentor_listener *from, struct address *to)
{
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, from->host, &to->of.v4.sin_addr) == 1) {
        to->of.v4.sin_family = AF_INET;
        to->of.v4.sin_port = htons((uint16_t)from->port);
        to->size = sizeof to->of.v4;
        return true;
    }
    if (inet_pton(AF_INET6, from->host, &to->of.v6.sin6_addr) == 1) {
        to->of.v6.sin6_family = AF_INET6;
        to->of.v6.sin6_port = htons((uint16_t)from->port);
        to->size = sizeof to->of.v6;
        return true;
    }
    errno = EINVAL;
    return false;
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* A socket bound to the address, or -1 with errno. */
static int bind_socket(const struct address *address, bool shared)
{
    int family = address->of.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* REUSEADDR: connections of a server that was here before may linger.
       V6ONLY: "::" beside "0.0.0.0" is then no conflict. */
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
        (!shared || set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
        (family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(fd, &address->of.any, address->size) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/*
 * A second server of the same user could join our SO_REUSEPORT group, or we
 * its, and each would silently get a part of the connections. A socket that
 * does not ask to share finds that out.
 */
static bool is_free(const struct address *address)
{
    int fd = bind_socket(address, false);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* Data that is not acknowledged ends a connection after this time; and so that
   there is something to acknowledge, one that is silent for as long is probed,
   as one without heartbeats or between two requests may be. */
static bool set_ack_time(int fd, uint32_t ack_time_ms)
{
    int seconds = (int)(ack_time_ms / 1000);
    return set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ack_time_ms) &&
           set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds) &&
           set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (seconds + 2) / 3) &&
           set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* Accepted sockets inherit the options. */
static int open_socket(const struct address *address, uint32_t ack_time_ms)
{
    int fd = bind_socket(address, true);
    if (fd < 0)
        return -1;
    if (set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set_ack_time(fd, ack_time_ms) &&
        listen(fd, LISTENING_BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static const char *remedy(int why)
{
    switch (why) {
    case EADDRINUSE:
        return "address already in use (another server has it; see: ss -ltnp)";
    case EACCES:
        return "permission denied (ports below 1024 are for root; take one "
               "above, such as 3000)";
    case EADDRNOTAVAIL:
        return "address not available (this machine does not have it; see: "
               "ip address; 0.0.0.0 means all)";
    case EINVAL:
        return "not a numeric address";
    case EMFILE:
    case ENFILE:
        return "too many open files (raise the limit; see: ulimit -n)";
    default:
        return strerror(why);
    }
}

static void close_worker(struct listening *listening, uint32_t number)
{
    for (uint32_t i = 0; i < listening->address_count; i++) {
        if (listening->sockets[number][i] >= 0)
            close(listening->sockets[number][i]);
        listening->sockets[number][i] = -1;
    }
}

/* Says what went wrong with an address, by errno. */
static int fail(const struct stentor_listener *address, char *error)
{
    int why = errno;
    char name[LISTENING_ADDRESS_BYTES];
    listening_name(address, name);
    snprintf(error, STENTOR_ERROR_BYTES, "cannot listen on %s: %s", name,
             remedy(why));
    return STENTOR_ESYSTEM;
}

int listening_add_worker(struct listening *listening, char *error)
{
    uint32_t number = listening->worker_count;
    CHECK(number < CONTROL_WORKERS_MAX);
    for (uint32_t i = 0; i < listening->address_count; i++) {
        struct address address;
        int fd = parse(&listening->addresses[i], &address)
                     ? open_socket(&address, listening->ack_time_ms)
                     : -1;
        if (fd < 0) {
            int code = fail(&listening->addresses[i], error);
            close_worker(listening, number);
            return code;
        }
        listening->sockets[number][i] = fd;
    }
    listening->worker_count++;
    return 0;
}

int listening_open(struct listening *listening,
                   const struct stentor_listener *addresses, uint32_t count,
                   uint32_t worker_count, uint32_t ack_time_ms, char *error)
{
    CHECK(count <= STENTOR_LISTENERS_MAX);
    CHECK(worker_count <= CONTROL_WORKERS_MAX);
    memset(listening->sockets, -1, sizeof listening->sockets);
    listening->addresses = addresses;
    listening->address_count = count;
    listening->worker_count = 0;
    listening->ack_time_ms = ack_time_ms;
    int code = 0;
    for (uint32_t i = 0; i < count && code == 0; i++) {
        struct address address;
        if (!parse(&addresses[i], &address) || !is_free(&address))
            code = fail(&addresses[i], error);
    }
    while (listening->worker_count < worker_count && code == 0)
        code = listening_add_worker(listening, error);
    if (code != 0)
        listening_close(listening);
    return code;
}

void listening_set_ack_time(struct listening *listening, uint32_t ack_time_ms)
{
    listening->ack_time_ms = ack_time_ms;
    for (uint32_t i = 0; i < listening->worker_count; i++)
        for (uint32_t j = 0; j < listening->address_count; j++)
            set_ack_time(listening->sockets[i][j], ack_time_ms);
}

void listening_close(struct listening *listening)
{
    for (uint32_t i = 0; i < listening->worker_count; i++)
        close_worker(listening, i);
    listening->address_count = 0;
    listening->worker_count = 0;
}
