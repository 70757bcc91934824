/* SPDX-License-Identifier: MIT */
/*
 * The embedded Kafka's process (core/kafka/embedded.c): it runs while the plan
 * in force asks for it, through all lives of brains and workers. Whenever it
 * starts it has another address and nothing of what it held, and the brain is
 * told.
 */
#ifndef STENTOR_SUPERVISOR_BROKER_H
#define STENTOR_SUPERVISOR_BROKER_H

#include <stdbool.h>

struct child;
struct child_end;
struct control_message;
struct supervisor;

void broker_init(struct supervisor *supervisor);

/* Starts it, or stops it, as the plan in force says. */
void broker_follow_plan(struct supervisor *supervisor);

/* Whether the plan asks for it and it does not answer yet. */
bool broker_is_awaited(const struct supervisor *supervisor);

/* It has said READY: keeps the address and tells a brain in charge. */
void broker_is_ready(struct supervisor *supervisor,
                     const struct control_message *message);

/* It has ended while we serve. */
void broker_has_ended(struct supervisor *supervisor,
                      const struct child_end *end);

/* Tells a brain the address, if there is one. */
void broker_tell_brain(struct supervisor *supervisor, struct child *brain);

#endif
