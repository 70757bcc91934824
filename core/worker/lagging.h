/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a client that does not keep up, as the policy of its stream
 * says: it is closed and resumes by its id; or it is taken to the newest event,
 * after a gap event that says what it lost; or of what it missed it gets the
 * latest of each key.
 */
#ifndef STENTOR_WORKER_LAGGING_H
#define STENTOR_WORKER_LAGGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct connection;

/*
 * Looks at a stream on its own; true if that closed it. `to` is where what is
 * read for it next will be put: a gap event may come before that. NULL while
 * there is nothing to read: the event that is on its way is finished first.
 */
bool lagging_enforce(struct connection *connection, struct buffer *to);

/*
 * The kernel gives a connection up (limit `ack_time`) also when its client's
 * window stays closed, as that of a frozen tab does, though its machine is
 * there. A stream that was behind once has the time of its policy beside.
 */
void lagging_be_patient(const struct connection *connection);

/* Bytes of its audience's that no write to it has begun with; 0 if it was never
   in step. */
uint64_t lagging_unread(const struct connection *connection);

/*
 * For a stream that is to skip or conflate: what its socket has taken cannot be
 * taken back, and the system lets that be megabytes. From now on it takes no
 * more than a batch beyond what the client's window has room for.
 */
void lagging_bound_socket(const struct connection *connection);

#endif
