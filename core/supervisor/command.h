/* SPDX-License-Identifier: MIT */
/*
 * The control socket: what `stentor reload`, `status` and `drain` talk to.
 *
 * A client sends one line, "reload", "status", "status json" or "drain", and
 * gets the exit code it is to have, in a line of its own, then text, then the
 * end. So `echo status | socat - …` does as well.
 *
 * The socket has an abstract name made of the config's path
 * (command_address.h), and may have a path too (`supervise { control = … }`).
 * Only root and the server's own user are answered.
 */
#ifndef STENTOR_SUPERVISOR_COMMAND_H
#define STENTOR_SUPERVISOR_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

struct control_message;
struct supervisor;

struct commands {
    uv_pipe_t by_name;
    uv_pipe_t by_path;
    bool has_name;
    bool has_path;
    struct list all; /* connections */
    uint32_t count;
};

/* Listens. 0, or a negative code and a sentence in `error`. */
int commands_open(struct supervisor *supervisor, char *error);

/* Ends all, also in mid-command. */
void commands_close(struct supervisor *supervisor);

/* The reload of that number has ended: `text` says how. */
void command_reload_ended(struct supervisor *supervisor, uint64_t number,
                          bool succeeded, const char *text);

/* The brain has said what it knows. */
void command_take_status(struct supervisor *supervisor,
                         struct control_message *message);

#endif
