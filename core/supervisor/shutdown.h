/* SPDX-License-Identifier: MIT */
/* The end of a supervisor: in order, or at once. */
#ifndef STENTOR_SUPERVISOR_SHUTDOWN_H
#define STENTOR_SUPERVISOR_SHUTDOWN_H

struct supervisor;

/* Tells the brain to stop, and the workers when it has. */
void shutdown_begin(struct supervisor *supervisor);

/* Kills whoever is left; the exit code will be `exit_code`. */
void shutdown_at_once(struct supervisor *supervisor, int exit_code);

/* A child has ended during the shutdown: takes the next step. */
void shutdown_continue(struct supervisor *supervisor);

#endif
