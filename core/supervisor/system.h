/* SPDX-License-Identifier: MIT */
/*
 * `stentor check --system`: does this machine allow as many connections as the
 * config speaks of? Clients beyond a limit of the system wait, or fail, without
 * a word in any log of ours, so it is better asked before.
 */
#ifndef STENTOR_SUPERVISOR_SYSTEM_H
#define STENTOR_SUPERVISOR_SYSTEM_H

#include <stdio.h>

#include "brain/ffi.h"

/* Prints each limit, what the plan wants of it and, if it is too low, how it
   is raised. 0 if all suffices, else 1. */
int system_check(const struct stentor_plan *plan, FILE *out);

#endif
