/* SPDX-License-Identifier: MIT */
#include "supervisor/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "supervisor/command_address.h"

static int complain(const char *path, const char *why, const char *remedy)
{
    fprintf(stderr, "stentor: %s: %s%s%s\n", path, why,
            remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
    return 1;
}

/* A name in the abstract is anybody's to take: only root's and our own
   processes are believed, and by root also those of the config's owner. */
static bool is_trusted(int fd, const struct stat *file)
{
    pid_t pid;
    uid_t uid;
    if (!command_peer(fd, &pid, &uid))
        return false;
    return uid == 0 || uid == geteuid() ||
           (geteuid() == 0 && uid == file->st_uid);
}

static bool send_line(int fd, const char *command, bool json)
{
    char line[64];
    int size =
        snprintf(line, sizeof line, "%s%s\n", command, json ? " json" : "");
    return send(fd, line, (size_t)size, MSG_NOSIGNAL) == size;
}

static bool read_all(int fd, struct buffer *answer)
{
    ssize_t got;
    do {
        char *room = buffer_reserve(answer, 4096);
        got = read(fd, room, 4096);
        if (got > 0)
            answer->size += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got == 0 && answer->size > 0;
}

/* The exit code's line, then the text. */
static int print(const struct buffer *answer)
{
    const char *text = memchr(answer->bytes, '\n', answer->size);
    int exit_code = atoi(answer->bytes);
    if (text == NULL)
        return 1;
    text++;
    fwrite(text, 1, answer->size - (size_t)(text - answer->bytes),
           exit_code == 0 ? stdout : stderr);
    return exit_code;
}

static int converse(int fd, const char *command, const char *path, bool json)
{
    struct buffer answer;
    int exit_code;
    buffer_init(&answer);
    if (send_line(fd, command, json) && read_all(fd, &answer)) {
        buffer_add(&answer, "", 1); /* ends the digits, if nothing else does */
        answer.size--;
        exit_code = print(&answer);
    } else {
        exit_code = complain(path, "the server has ended without an answer",
                             "its log says why");
    }
    buffer_done(&answer);
    return exit_code;
}

int client_main(const char *command, const char *path, bool json)
{
    struct command_address address;
    struct stat file = { .st_uid = geteuid() };
    bool there = stat(path, &file) == 0;
    bool is_socket = there && S_ISSOCK(file.st_mode);
    if (!there)
        return complain(path, strerror(errno),
                        "give the path of the config that is served");
    if (is_socket ? !command_address_of_path(&address, path)
                  : !command_address_of_config(&address, path))
        return complain(path, "the path is too long", NULL);
    int fd = command_connect(&address);
    if (fd < 0)
        return complain(path, "no server runs with it",
                        "is it the path that it was started with? (stentor "
                        "run PATH)");
    int exit_code =
        is_trusted(fd, &file)
            ? converse(fd, command, path, json)
            : complain(path, "another user's process answers for it", NULL);
    close(fd);
    return exit_code;
}
