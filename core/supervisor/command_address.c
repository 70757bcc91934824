/* SPDX-License-Identifier: MIT */
#include "supervisor/command_address.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

/* Appends the segments of `path` to the absolute path in `whole`, "." and ".."
   resolved by their text. */
static bool add_segments(char whole[PATH_MAX], const char *path)
{
    size_t size = strlen(whole);
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        if (length == 2 && memcmp(path, "..", 2) == 0) {
            while (size > 0 && whole[--size] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *path == '.')) {
            if (size + 1 + length >= PATH_MAX)
                return false;
            whole[size++] = '/';
            memcpy(whole + size, path, length);
            size += length;
        }
        whole[size] = '\0';
        path += length + strspn(path + length, "/");
    }
    return true;
}

bool command_address_of_config(struct command_address *address,
                               const char *config_path)
{
    char folder[PATH_MAX], whole[PATH_MAX] = "";
    if (*config_path != '/' &&
        (getcwd(folder, sizeof folder) == NULL || !add_segments(whole, folder)))
        return false;
    if (!add_segments(whole, config_path))
        return false;
    memset(address, 0, sizeof *address);
    address->name.sun_family = AF_UNIX;
    int length =
        snprintf(address->name.sun_path + 1, sizeof address->name.sun_path - 1,
                 "stentor-%016" PRIx64, hash_bytes(whole, strlen(whole)));
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                (size_t)length);
    return true;
}

bool command_address_of_path(struct command_address *address, const char *path)
{
    memset(address, 0, sizeof *address);
    if (strlen(path) >= sizeof address->name.sun_path)
        return false;
    address->name.sun_family = AF_UNIX;
    strcpy(address->name.sun_path, path);
    address->size = sizeof address->name;
    return true;
}

static int fail(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int command_listen(const struct command_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0177);
    int bound =
        bind(fd, (const struct sockaddr *)&address->name, address->size);
    umask(mask);
    return bound == 0 ? fd : fail(fd);
}

int command_connect(const struct command_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address->name, address->size) ==
        0)
        return fd;
    return fail(fd);
}

pid_t command_holder(const struct command_address *address)
{
    pid_t pid = 0;
    uid_t uid;
    int fd = command_connect(address);
    if (fd < 0)
        return 0;
    bool known = command_peer(fd, &pid, &uid);
    close(fd);
    return known ? pid : 0;
}

bool command_peer(int fd, pid_t *pid, uid_t *uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *pid = peer.pid;
    *uid = peer.uid;
    return true;
}
