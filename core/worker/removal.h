/* SPDX-License-Identifier: MIT */
/*
 * Channels that a new config has no more: their streams are told by a gap
 * event, and ended. That waits until no pass of the fan-out is under way, as
 * only then it is known where a stream in step stands.
 */
#ifndef STENTOR_WORKER_REMOVAL_H
#define STENTOR_WORKER_REMOVAL_H

#include <stdint.h>

#include "base/buffer.h"
#include "mailbox/message.h"

struct worker;

struct removal {
    struct buffer channels; /* struct message_channel, sorted by number */
};

void removal_init(struct removal *removal);
void removal_done(struct removal *removal);

/* These are gone; copied. */
void removal_add(struct worker *worker, const struct message_channel *channels,
                 uint32_t count);

/* Ends the streams, if that may be done now; called each turn. */
void removal_turn(struct worker *worker);

#endif
