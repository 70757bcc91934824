/* SPDX-License-Identifier: MIT */
/*
 * The brains: one is in charge, and while the config is reloaded a second one
 * stands beside it. The supervisor alone grants the writer's role, after the
 * one before has released it or is known to be dead.
 */
#ifndef STENTOR_SUPERVISOR_BRAINS_H
#define STENTOR_SUPERVISOR_BRAINS_H

#include <stdbool.h>
#include <stdint.h>

struct child;
struct child_end;
struct control_message;
struct stentor_plan;
struct supervisor;

void brains_init(struct supervisor *supervisor);
bool brains_has(const struct supervisor *supervisor, const struct child *child);

/* The one that is not supervisor->brain. */
struct child *brains_other(struct supervisor *supervisor);

/* Starts a process, which is to load the config. */
void brains_start(struct supervisor *supervisor, struct child *brain);

/* Grants the writer's role under `plan`: gives it the objects and says GO. With
   `renew` there are new mailboxes, and the workers get their ends. False if
   there were none to be had; the brain is then killed. */
bool brains_put_in_charge(struct supervisor *supervisor, struct child *brain,
                          const struct stentor_plan *plan, bool renew,
                          bool handed_over);

/* Worker `number` is about to start again, with a new mailbox. False if there
   was none to be had, which is logged. */
bool brains_renew_mailbox(struct supervisor *supervisor, uint32_t number);

/* A brain's message, other than those that a reload or a status waits for. */
void brains_take_plan(struct supervisor *supervisor, struct child *brain,
                      const struct control_message *message);
void brains_take_wrong(struct supervisor *supervisor, struct child *brain,
                       struct control_message *message);
void brains_take_ready(struct supervisor *supervisor, struct child *brain);

/* It had the writer's role and has died: nobody has it now. */
void brains_clear_up(struct supervisor *supervisor);

/* Workers, log and watchdog go by supervisor->plan from now on. */
void brains_follow_plan(struct supervisor *supervisor);

/* Says why it ended, and starts it again after its delay. */
void brains_start_later(struct child *brain, const struct child_end *end);

#endif
