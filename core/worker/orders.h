/* SPDX-License-Identifier: MIT */
/* What the supervisor tells a worker, once it serves. */
#ifndef STENTOR_WORKER_ORDERS_H
#define STENTOR_WORKER_ORDERS_H

struct worker;

/* Reads all that has come, and obeys. */
void orders_read(struct worker *worker);

#endif
