/* SPDX-License-Identifier: MIT */
/* The brain's own way to publish; Lua's is stentor_publish (ffi.h). */
#ifndef STENTOR_BRAIN_PUBLISHER_H
#define STENTOR_BRAIN_PUBLISHER_H

#include <stdint.h>

#include "brain/ffi.h"

enum { PUBLISH_MAX = 256 /* events of one publish */ };

/* As stentor_publish, for events that are known to be sound; their names may
   be reserved ones. */
int publisher_publish(struct stentor_brain *brain,
                      const struct stentor_event *events, uint32_t count,
                      char *ids);

#endif
