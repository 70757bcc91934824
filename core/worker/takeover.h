/* SPDX-License-Identifier: MIT */
/* The clients of surplus siblings, which come in batches (move_message.h). */
#ifndef STENTOR_WORKER_TAKEOVER_H
#define STENTOR_WORKER_TAKEOVER_H

#include <stdint.h>

struct worker;

/* Takes what comes through `fd`, which it owns from now on, until the other end
   is closed. */
void takeover_begin(struct worker *worker, uint32_t from, int fd);

/* Lets all begin that have come, and takes no more. */
void takeovers_close(struct worker *worker);

#endif
