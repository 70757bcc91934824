/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the bench: what broadcasting costs when nothing is done but
 * write. One thread, one epoll loop; any GET subscribes, a POST is sent to all
 * subscribers at once, framed as the server frames it, with one write() for
 * each. No history, no back-pressure: a client that does not take an event
 * whole is dropped (and told on stderr at the end).
 *
 *   broadcast_loop PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_BYTES = 64 * 1024,
    EVENT_BYTES = REQUEST_BYTES + 128,
    CLIENTS_MAX = 65536,
    TURN = 256
};

struct server {
    int epoll;
    int listener;
    int subscribers[CLIENTS_MAX]; /* descriptors */
    int place[CLIENTS_MAX];       /* by descriptor: in subscribers, or -1 */
    char *pending[CLIENTS_MAX];   /* by descriptor: a request in pieces */
    size_t pending_size[CLIENTS_MAX];
    int count;
    unsigned long long events;
    unsigned long long dropped;
};

static const char stream_head[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream;charset=utf-8\r\n"
    "Cache-Control: no-cache, no-transform\r\n"
    "Connection: keep-alive\r\n"
    "X-Accel-Buffering: no\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

static const char accepted[] =
    "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void drop(struct server *server, int fd)
{
    int place = server->place[fd];
    if (place >= 0) {
        int last = server->subscribers[--server->count];
        server->subscribers[place] = last;
        server->place[last] = place;
        server->place[fd] = -1;
    }
    free(server->pending[fd]);
    server->pending[fd] = NULL;
    server->pending_size[fd] = 0;
    close(fd);
}

static void broadcast(struct server *server, const char *body, size_t size)
{
    static char event[EVENT_BYTES];
    char text[128];
    int text_size = snprintf(
        text, sizeof text,
        "id: 00000000-0000-8000-8000-%012llx\ndata: ", ++server->events);
    int used = snprintf(event, sizeof event, "%zx\r\n%s",
                        (size_t)text_size + size + 2, text);
    memcpy(event + used, body, size);
    memcpy(event + used + size, "\n\n\r\n", 4);
    size_t total = (size_t)used + size + 4;
    for (int i = server->count - 1; i >= 0; i--) {
        int fd = server->subscribers[i];
        if (write(fd, event, total) != (ssize_t)total) {
            server->dropped++;
            drop(server, fd);
        }
    }
}

static void subscribe(struct server *server, int fd)
{
    server->place[fd] = server->count;
    server->subscribers[server->count++] = fd;
    if (write(fd, stream_head, sizeof stream_head - 1) < 0)
        drop(server, fd);
}

/* Bytes of the first request in `text`, once it is whole; else 0. */
static size_t request_size(const char *text, size_t size, const char **body)
{
    const char *end = memmem(text, size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    *body = end + 4;
    size_t length = 0;
    for (const char *line = text; line < end;
         line = (const char *)memchr(line, '\n', size) + 1)
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
    size_t whole = (size_t)(*body - text) + length;
    return whole <= size ? whole : 0;
}

/* Answers the whole requests in `text`; returns the bytes they had. */
static size_t take_requests(struct server *server, int fd, const char *text,
                            size_t size)
{
    size_t taken = 0, whole;
    const char *body;
    while (taken < size &&
           (whole = request_size(text + taken, size - taken, &body)) > 0) {
        const char *request = text + taken;
        taken += whole;
        if (memcmp(request, "POST ", 5) != 0) {
            subscribe(server, fd);
            return size;
        }
        broadcast(server, body, (size_t)(request + whole - body));
        if (write(fd, accepted, sizeof accepted - 1) < 0)
            return size;
    }
    return taken;
}

static void keep_rest(struct server *server, int fd, const char *text,
                      size_t size)
{
    if (size == 0) {
        free(server->pending[fd]);
        server->pending[fd] = NULL;
    } else if (text != server->pending[fd]) {
        server->pending[fd] = realloc(server->pending[fd], REQUEST_BYTES);
        if (server->pending[fd] == NULL)
            die("realloc");
        memmove(server->pending[fd], text, size);
    }
    server->pending_size[fd] = size;
}

static void read_from(struct server *server, int fd)
{
    static char room[REQUEST_BYTES];
    size_t held = server->pending_size[fd];
    if (held > 0)
        memcpy(room, server->pending[fd], held);
    ssize_t got = read(fd, room + held, sizeof room - held);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(server, fd);
        return;
    }
    if (server->place[fd] >= 0)
        return; /* a subscriber has nothing to say */
    size_t size = held + (size_t)got;
    size_t taken = take_requests(server, fd, room, size);
    keep_rest(server, fd, room + taken, size - taken);
}

static void accept_all(struct server *server)
{
    int on = 1;
    for (int i = 0; i < TURN; i++) {
        int fd =
            accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (fd >= CLIENTS_MAX) {
            close(fd);
            return;
        }
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        server->place[fd] = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            die("epoll_ctl");
    }
}

static void open_listener(struct server *server, int port)
{
    int on = 1;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN };
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    event.data.fd = server->listener;
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(server->listener, 4096) ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event))
        die("listen");
}

int main(int argc, char **argv)
{
    static struct server server;
    struct epoll_event events[TURN];
    struct rlimit limit;
    if (argc != 2) {
        fprintf(stderr, "usage: broadcast_loop PORT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_stop);
    signal(SIGINT, on_stop);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    open_listener(&server, atoi(argv[1]));
    while (!stopped) {
        int count = epoll_wait(server.epoll, events, TURN, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == server.listener)
                accept_all(&server);
            else
                read_from(&server, events[i].data.fd);
        }
    }
    fprintf(stderr, "broadcast_loop: %llu events, %llu clients dropped\n",
            server.events, server.dropped);
    return 0;
}
