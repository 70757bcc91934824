/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: owns the listening sockets, the journal's memory and the
 * mailboxes; starts the brain and the workers and starts them again.
 */
#ifndef STENTOR_SUPERVISOR_SUPERVISOR_H
#define STENTOR_SUPERVISOR_SUPERVISOR_H

/* Serves the config at `config_path` until told to stop; the exit code. */
int supervisor_main(const char *config_path);

#endif
