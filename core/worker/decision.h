/* SPDX-License-Identifier: MIT */
/* What the brain has decided about requests. */
#ifndef STENTOR_WORKER_DECISION_H
#define STENTOR_WORKER_DECISION_H

#include <stdbool.h>
#include <stdint.h>

enum { DECISIONS_OF_TURN = 256 };

struct worker;

/* Reads at most `most` answers from the mailbox and carries them out. Returns
   true if more wait. */
bool decisions_read(struct worker *worker, uint32_t most);

#endif
