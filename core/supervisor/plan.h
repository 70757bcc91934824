/* SPDX-License-Identifier: MIT */
/* What a config asks of the supervisor: is it sound, and what has changed. */
#ifndef STENTOR_SUPERVISOR_PLAN_H
#define STENTOR_SUPERVISOR_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "brain/ffi.h"
#include "supervisor/control.h"

/* Copies the plan out of a PLAN message; false if that is not one of ours. */
bool plan_read(const struct control_message *message,
               struct stentor_plan *plan);

/* How many workers it asks for; 0 with a sentence in `error` if that, or
   another part of it, cannot be had. */
uint32_t plan_workers(const struct stentor_plan *plan, char *error);

/* Whether all that differs in `wanted` can be changed while the server runs; if
   not, `error` receives a sentence that names what cannot. */
bool plan_can_follow(const struct stentor_plan *force,
                     const struct stentor_plan *wanted, char *error);

/* Logs that sentence, if there is one. */
void plan_warn_of_changes(const struct stentor_plan *force,
                          const struct stentor_plan *wanted);

/* Takes over all that can be changed. */
void plan_adopt(struct stentor_plan *force, const struct stentor_plan *wanted);

/* Lets this process and its children have as many descriptors as the system
   allows. */
void plan_raise_descriptors(void);

/* How many clients there is room for in so many workers: the limit, or what
   their descriptors allow. */
uint64_t plan_room(const struct stentor_plan *plan, uint32_t workers);

/* Warns if the config asks for more connections than there is room for. */
void plan_warn_of_room(const struct stentor_plan *plan, uint32_t workers);

#endif
