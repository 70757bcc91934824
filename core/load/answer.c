/* SPDX-License-Identifier: MIT */
#include "load/answer.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { FIELD_BYTES = 176, FIRST_BYTES = 160, MORE_BYTES = 512, MORE_MS = 50 };

/* What is no printable ASCII becomes "?", a line end " | ". */
static size_t add_printable(char *into, size_t room, const char *bytes,
                            size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 5 < room; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\r')
            continue;
        if (byte == '\n') {
            memcpy(into + used, " | ", 3);
            used += 3;
        } else {
            into[used++] = isprint(byte) ? (char)byte : '?';
        }
    }
    into[used] = '\0';
    return used;
}

void load_answer_keep(char *answer, const char *bytes, size_t size)
{
    if (answer[0] == '\0' && size > 0)
        add_printable(answer, LOAD_ANSWER_BYTES, bytes, size);
}

static size_t add_field(char *answer, size_t used, const char *name,
                        struct text value)
{
    size_t room = LOAD_ANSWER_BYTES - used;
    if (value.size == 0 || room < strlen(name) + 8)
        return used;
    used += (size_t)snprintf(answer + used, room, "%s", name);
    room = LOAD_ANSWER_BYTES - used;
    return used + add_printable(answer + used,
                                room < FIELD_BYTES ? room : FIELD_BYTES,
                                value.bytes, value.size);
}

static size_t read_more(int fd, char *room, size_t size)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };
    ssize_t got = 0;
    if (poll(&poller, 1, MORE_MS) > 0)
        got = recv(fd, room, size, MSG_DONTWAIT | MSG_PEEK);
    return got > 0 ? (size_t)got : 0;
}

/* The first run of body bytes, after the framing in front of it. */
static struct text first_run(const struct response_head *head,
                             const char *bytes, size_t size)
{
    struct body body = head->body;
    const char *run = NULL;
    size_t run_size = 0;
    if (size > 0)
        load_body_take(&body, bytes, size, &run, &run_size);
    return text_of(run, run_size < FIRST_BYTES ? run_size : FIRST_BYTES);
}

void load_answer_describe(char *answer, const struct response_head *head,
                          const char *bytes, size_t size, int fd)
{
    char more[MORE_BYTES];
    if (answer[0] != '\0')
        return;
    if (size == 0 && head->body.state != BODY_DONE) {
        size = read_more(fd, more, sizeof more);
        bytes = more;
    }
    size_t used =
        (size_t)snprintf(answer, LOAD_ANSWER_BYTES, "status %d", head->status);
    used = add_field(answer, used, " ", head->reason);
    used = add_field(answer, used, ", to ", head->location);
    if (head->content_type.size > 0)
        used = add_field(answer, used, ", content type ", head->content_type);
    else
        used = add_field(answer, used, ", ", text_of_string("no content type"));
    used = add_field(answer, used, ", content encoding ", head->encoding);
    add_field(answer, used, ", first bytes: ", first_run(head, bytes, size));
}
