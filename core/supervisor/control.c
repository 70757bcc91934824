/* SPDX-License-Identifier: MIT */
#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "base/check.h"
#include "base/log.h"

/* What goes before the body in a packet. */
struct head {
    uint32_t type;
    uint32_t size;
};

/* Room for the descriptors, aligned as the macros want it. */
union ancillary {
    struct cmsghdr first;
    char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
};

int control_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

int control_send(int fd, uint32_t type, const void *body, size_t size,
                 const int *fds, uint32_t fd_count)
{
    CHECK(size <= sizeof((struct control_message *)0)->body);
    CHECK(fd_count <= CONTROL_FDS_MAX);
    struct head head = { .type = type, .size = (uint32_t)size };
    struct iovec parts[2] = {
        { .iov_base = &head, .iov_len = sizeof head },
        { .iov_base = (void *)(uintptr_t)body, .iov_len = size },
    };
    struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
    union ancillary ancillary;
    if (fd_count > 0) {
        size_t fd_bytes = fd_count * sizeof(int);
        memset(&ancillary, 0, sizeof ancillary);
        packet.msg_control = &ancillary;
        packet.msg_controllen = CMSG_SPACE(fd_bytes);
        ancillary.first.cmsg_level = SOL_SOCKET;
        ancillary.first.cmsg_type = SCM_RIGHTS;
        ancillary.first.cmsg_len = CMSG_LEN(fd_bytes);
        memcpy(CMSG_DATA(&ancillary.first), fds, fd_bytes);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static void take_descriptors(struct msghdr *packet,
                             struct control_message *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(packet); part != NULL;
         part = CMSG_NXTHDR(packet, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = part->cmsg_len - CMSG_LEN(0);
        size_t count = bytes / sizeof(int);
        CHECK(message->fd_count + count <= CONTROL_FDS_MAX);
        memcpy(message->fds + message->fd_count, CMSG_DATA(part),
               count * sizeof(int));
        message->fd_count += (uint32_t)count;
    }
}

int control_receive(int fd, struct control_message *message)
{
    struct head head = { 0, 0 };
    struct iovec parts[2] = {
        { .iov_base = &head, .iov_len = sizeof head },
        { .iov_base = message->body, .iov_len = sizeof message->body },
    };
    union ancillary ancillary;
    struct msghdr packet = { .msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary };
    ssize_t got;
    do
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        /* It died and left something of ours unread. */
        return errno == ECONNRESET ? 0 : -1;
    message->type = head.type;
    message->size = head.size;
    message->fd_count = 0;
    take_descriptors(&packet, message);
    if (got == 0)
        return 0;
    if ((packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        (size_t)got != sizeof head + head.size) {
        for (uint32_t i = 0; i < message->fd_count; i++)
            close(message->fds[i]);
        /* Descriptors are cut when the process may have no more of them. */
        errno = (packet.msg_flags & MSG_CTRUNC) != 0 ? EMFILE : EBADMSG;
        return -1;
    }
    return 1;
}

char *control_text(struct control_message *message)
{
    size_t last = sizeof message->body - 1;
    message->body[message->size < last ? message->size : last] = '\0';
    return message->body;
}

void control_start_child(pid_t parent, const char *name)
{
    if (fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) != 0) {
        fputs("stentor: this is for the supervisor to run (try: stentor run)\n",
              stderr);
        exit(1);
    }
    /* The parent may have died before the request was in force. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        exit(1);
    /* Ctrl-C and a closed terminal reach the whole group; only the supervisor
       acts on them, and tells us. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "stentor"); /* else it is "exe", as we were exec'd */
    setproctitle("%s", name);
    log_set_name(name);
}
