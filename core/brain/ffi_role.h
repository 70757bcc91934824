/* SPDX-License-Identifier: MIT */
/*
 * A part of the boundary to Lua (ffi.h): what a brain tells the supervisor of
 * its life, and what it shows outside of what it is at.
 */
#ifndef STENTOR_BRAIN_FFI_ROLE_H
#define STENTOR_BRAIN_FFI_ROLE_H

#include "brain/ffi.h"

/* What Lua is entered for (mailbox/blame.h). */
struct stentor_doing {
    struct stentor_text title;  /* "route \"GET /x\" (config.lua:12)" */
    struct stentor_text source; /* of the record handed to it; size 0: none */
    uint64_t position;          /* of that record in the source */
};

/* From now on loading may take so long: else it ends with an error that says
   where it was. */
void stentor_loading_time(double ms);

enum { STENTOR_REMOVED_MAX = 10000 };

/* Ends the streams of these channels, which the config has no more: each is
   told by a gap event. At most STENTOR_REMOVED_MAX in one call. */
int stentor_remove(struct stentor_brain *brain, const uint32_t *channels,
                   uint32_t count);

/* Shows outside what is entered now, before a script's code runs; copied. */
void stentor_doing(struct stentor_brain *brain,
                   const struct stentor_doing *doing);

/* How often brains have died at this record of a source. From
   STENTOR_DEATHS_MAX on it must not be tried again, but be passed over. */
uint32_t stentor_deaths(struct stentor_brain *brain, const char *source,
                        uint32_t source_size, uint64_t position);
/* Counts a record that was passed over; returns how many there were, ever. */
double stentor_pass_over(struct stentor_brain *brain);

/* Reads "10.0.0.0/8" or an address into `network`; STENTOR_EINVALID if the text
   is neither, or has bits behind the prefix. */
int stentor_network(const char *text, uint32_t size,
                    struct stentor_network *network);

/* After STENTOR_GO or STENTOR_RESUME: all is started. */
void stentor_ready(struct stentor_brain *brain);
/* Or it cannot be: the text is told to who asked, and this process ends. */
void stentor_fail(struct stentor_brain *brain, const char *text, uint32_t size);
/* Whether the brain before this one has released its role; else it died. */
int stentor_handed_over(struct stentor_brain *brain);

/* After STENTOR_RELEASE: nothing of the config runs any more. */
void stentor_released(struct stentor_brain *brain);

/* After STENTOR_STOP: the hooks have run. This process ends when it is told
   to, after what waits for Kafka was sent or two seconds have passed. */
void stentor_stopped(struct stentor_brain *brain);

/* After STENTOR_STATUS; at most STENTOR_STATUS_BYTES are told. */
void stentor_say_status(struct stentor_brain *brain, const char *text,
                        uint32_t size);

/* Whether streams are ended and refused at the moment (`stentor drain`). */
int stentor_drained(struct stentor_brain *brain);

#endif
