/* SPDX-License-Identifier: MIT */
/* The brain: the Lua state, the routes, and the journal's only writer. */
#ifndef STENTOR_BRAIN_BRAIN_H
#define STENTOR_BRAIN_BRAIN_H

#include <sys/types.h>

#include "brain/ffi.h"

/* The life of a brain, child of the supervisor `parent`; its exit code. */
int brain_main(pid_t parent);

/* Loads the config without effects and prints all that is wrong with it to
   standard error; returns 0 if nothing is, else 1. */
int brain_check(const char *config_path);

/* As brain_check, but silent when all is well: then it fills `plan` with what
   the config asks for. */
int brain_plan(const char *config_path, struct stentor_plan *plan);

#endif
