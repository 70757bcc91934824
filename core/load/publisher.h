/* SPDX-License-Identifier: MIT */
/* The publisher of the load test, a process of its own. */
#ifndef STENTOR_LOAD_PUBLISHER_H
#define STENTOR_LOAD_PUBLISHER_H

#include "load/client.h"

/*
 * Waits for LOAD_RUNNING, publishes while it lasts, then waits for the answers
 * owed and sets `published.done`. At a rate events have their times on an
 * absolute schedule: one that is late is sent at once and its delay noted.
 */
void load_publisher_run(const struct load_job *job);

#endif
