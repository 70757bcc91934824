/* SPDX-License-Identifier: MIT */
/*
 * The end of a supervisor: in order, or at once; and the drain of a server that
 * goes on.
 *
 * In order: the brain runs its stop hooks, which find all streams; then the
 * workers send their clients away, over a while or quickly, while the brain
 * still answers what was asked; then the rest stops.
 */
#ifndef STENTOR_SUPERVISOR_SHUTDOWN_H
#define STENTOR_SUPERVISOR_SHUTDOWN_H

#include <stdbool.h>

struct child;
struct supervisor;

/* Begins it. `gently`: clients are sent away over the plan's drain_window, else
   within half a second. */
void shutdown_begin(struct supervisor *supervisor, bool gently);

/* Kills whoever is left; the exit code will be `exit_code`. */
void shutdown_at_once(struct supervisor *supervisor, int exit_code);

/* A brain has run its stop hooks. */
void shutdown_take_stopped(struct supervisor *supervisor, struct child *brain);

/* A child has ended during the shutdown: takes the next step. */
void shutdown_continue(struct supervisor *supervisor);

/* Ends all streams over the drain_window and refuses new ones, or ends that:
   the processes stay. */
void shutdown_drain(struct supervisor *supervisor, bool drained);

/* Tells a worker that was started again, if the server is drained. */
void shutdown_tell_drained(struct supervisor *supervisor, struct child *worker);

#endif
