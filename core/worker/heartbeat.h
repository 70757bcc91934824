/* SPDX-License-Identifier: MIT */
/*
 * Heartbeats keep a quiet stream alive in proxies and let both sides notice a
 * dead one. The plan says how; the wheel says when, each stream in a phase of
 * its own. A stream that is not in step has bytes on its way and gets none.
 */
#ifndef STENTOR_WORKER_HEARTBEAT_H
#define STENTOR_WORKER_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "brain/ffi.h" /* struct stentor_heartbeat */

/* The plan's frame, an id line and chunk framing. */
enum { HEARTBEAT_ROOM = STENTOR_HEARTBEAT_BYTES + 64 };

struct connection;

/* Writes the heartbeat of a stream that stands at `seq` of `epoch` into
   `room`; returns its size. */
size_t heartbeat_compose(const struct stentor_heartbeat *plan, bool chunked,
                         uint64_t epoch, uint64_t seq,
                         char room[HEARTBEAT_ROOM]);

/* Milliseconds until the next one; `seed` differs between streams, and
   between the heartbeats of one. The first comes anywhere in the interval. */
uint64_t heartbeat_delay(const struct stentor_heartbeat *plan, uint64_t seed,
                         bool first);

/* The stream has got into step: sets its next deadline. */
void heartbeat_schedule(struct connection *connection);

/* Its rhythm has changed: sets its next deadline as that of a new stream. */
void heartbeat_spread(struct connection *connection);

/* The deadline of a stream in step: sends one, or not, and sets the next. */
void heartbeat_beat(struct connection *connection);

#endif
