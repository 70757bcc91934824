/* SPDX-License-Identifier: MIT */
/* `stentor reload`, `status` and `drain`: the other end of the control socket. */
#ifndef STENTOR_SUPERVISOR_CLIENT_H
#define STENTOR_SUPERVISOR_CLIENT_H

#include <stdbool.h>

/*
 * Sends `command` to the server that serves the config at `path`, or whose
 * control socket that is, and prints the answer: to standard output, or to
 * standard error if it is a failure. Returns the exit code.
 */
int client_main(const char *command, const char *path, bool json);

#endif
