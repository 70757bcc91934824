/* SPDX-License-Identifier: MIT */
/* `stentor load URL …`: a load tester for any SSE server. */
#ifndef STENTOR_LOAD_LOAD_H
#define STENTOR_LOAD_LOAD_H

/* Runs the command with the arguments after `load`; returns the exit code. */
int load_main(int count, char **arguments);

#endif
