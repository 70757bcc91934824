/* SPDX-License-Identifier: MIT */
/*
 * Reload: another brain loads the config beside the one in charge, and takes
 * over if all goes well. Whatever goes wrong on the way, the old one goes on.
 *
 *   LOADING     `next` loads the config. Wrong: nothing has changed.
 *   RELEASING   the old one pauses its sources, finishes what runs and gives
 *               the writer's role back; if it dies, the role is free as well
 *   GRANTED     `next` opens its channels and starts its sources. If it dies
 *               or hangs, the old one gets the role again.
 *   LEAVING     it is decided: the other one ends. No stop hook runs, as the
 *               server does not stop: what a hook would take back, the new
 *               brain has just begun
 *
 * A brain that dies meanwhile is not started again while the other one can
 * still come to be in charge.
 */
#ifndef STENTOR_SUPERVISOR_RELOAD_H
#define STENTOR_SUPERVISOR_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "brain/ffi.h" /* struct stentor_plan */

struct child;
struct child_end;
struct supervisor;

enum reload_step {
    RELOAD_NONE,
    RELOAD_LOADING,
    RELOAD_RELEASING,
    RELOAD_TAKING_BACK, /* the new brain has died in RELEASING: the old one is
                           waited for, and put in charge again */
    RELOAD_GRANTED,
    RELOAD_LEAVING
};

struct reload {
    enum reload_step step;
    bool again;    /* one more was asked for since this one read the config */
    uint64_t last; /* number of the last one that was begun: 1, 2, 3 … */
    uint64_t begun_ms;
    uv_timer_t timer;           /* of the step */
    struct child *next;         /* LOADING to GRANTED; else NULL */
    struct stentor_plan wanted; /* from RELEASING on */

    /* Of the last one that has ended, and of the one under way what is wrong
       with its config. */
    struct buffer text; /* NUL-terminated; a sentence, or one mistake a line */
    bool succeeded;
    uint64_t ended_ms; /* Unix time; 0: there was none yet */
    uint32_t successes;
    uint32_t failures;
};

void reload_init(struct supervisor *supervisor);
void reload_close(struct supervisor *supervisor);

/* Begins one, or notes that one is wanted after the one under way, or once we
   serve.
   Returns its number, by which command_reload_ended tells its end. */
uint64_t reload_ask(struct supervisor *supervisor);

/* We serve from now on. */
void reload_serve(struct supervisor *supervisor);

/* Ends the one under way, as the server stops. */
void reload_give_up(struct supervisor *supervisor);

/* What brains say. The first three return whether it was part of a reload. */
bool reload_take_plan(struct supervisor *supervisor, struct child *brain,
                      const struct stentor_plan *plan);
bool reload_take_ready(struct supervisor *supervisor, struct child *brain);
bool reload_take_wrong(struct supervisor *supervisor, struct child *brain,
                       const char *text);
void reload_take_released(struct supervisor *supervisor, struct child *brain);

/* A brain has ended while we serve; true if that was dealt with. */
bool reload_take_end(struct supervisor *supervisor, struct child *brain,
                     const struct child_end *end);

#endif
