/* SPDX-License-Identifier: MIT */
/*
 * The writer's role, as the supervisor grants it: taken at GO, given back when
 * another brain is to have it, taken again if that one fails; and the end.
 */
#ifndef STENTOR_BRAIN_ROLE_H
#define STENTOR_BRAIN_ROLE_H

#include "supervisor/control.h"

struct stentor_brain;

/* GO has come: for the first time, or after a release. */
void role_take(struct stentor_brain *brain);

/* RELEASE has come: no more requests are taken, and Lua is told. */
void role_asked_back(struct stentor_brain *brain,
                     const struct control_release *message);

/* Gives it back, if Lua has let go and all answers are on their way: called
   when either may have come true. */
void role_release(struct stentor_brain *brain);

/* STOP has come: the role is not given back any more. */
void role_stop(struct stentor_brain *brain);

/* Ends the loop if STOP has come twice and Kafka has all, or took too long:
   called when that may have come true. */
void role_end(struct stentor_brain *brain);

/* What is wrong with the config, for who started us or asked for a reload. */
void role_say_wrong(const char *text);

#endif
