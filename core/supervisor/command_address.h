/* SPDX-License-Identifier: MIT */
/*
 * Where the control socket of a config is: an abstract name, so there is no
 * file to lie about after a crash, made of the config's absolute path as it was
 * given (no link is followed, as `current/config.lua` is to stay the same).
 * Anybody may take such a name, so both sides look whose process the other is.
 */
#ifndef STENTOR_SUPERVISOR_COMMAND_ADDRESS_H
#define STENTOR_SUPERVISOR_COMMAND_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct command_address {
    struct sockaddr_un name;
    socklen_t size;
};

/* The abstract name for the config at `config_path`; false if that is too
   long. */
bool command_address_of_config(struct command_address *address,
                               const char *config_path);

/* The socket at `path`; false if that is too long. */
bool command_address_of_path(struct command_address *address, const char *path);

/* A socket that listens at the address, for the owner alone where it has a
   path; or -1 with errno. */
int command_listen(const struct command_address *address);

/* The process that listens there; 0 if none does. */
pid_t command_holder(const struct command_address *address);

/* A socket that is connected to it; or -1 with errno. */
int command_connect(const struct command_address *address);

/* The process at the other end; false if the system does not tell. */
bool command_peer(int fd, pid_t *pid, uid_t *uid);

#endif
