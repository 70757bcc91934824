/* SPDX-License-Identifier: MIT */
/*
 * Where the fault runs (spec/faults) reach into the server. All of it is
 * nothing, except in the build `stentor-faults`, which defines STENTOR_FAULTS
 * and is linked with spec/faults/fault.c.
 */
#ifndef STENTOR_BASE_FAULT_H
#define STENTOR_BASE_FAULT_H

#ifdef STENTOR_FAULTS

#include "base/buffer.h"

/* This process stops here, and is killed, if the run has asked for it. */
#define FAULT_POINT(step) fault_point(step)
void fault_point(const char *step);

/* The server that the checker must see through: of the events about to be sent
   (uint32_t, each) one may be dropped, doubled or change places. */
#define FAULT_SPOIL(indexes) fault_spoil(indexes)
void fault_spoil(struct buffer *indexes);

#else

#define FAULT_POINT(step)    ((void)0)
#define FAULT_SPOIL(indexes) ((void)0)

#endif

#endif
