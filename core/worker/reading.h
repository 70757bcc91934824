/* SPDX-License-Identifier: MIT */
/* What comes from a client's socket, and the requests that are made of it. */
#ifndef STENTOR_WORKER_READING_H
#define STENTOR_WORKER_READING_H

struct connection;

/* Reads on, from the beginning or after a pause. */
void reading_start(struct connection *connection);

/* Goes on with the bytes that were sent ahead. */
void reading_ahead(struct connection *connection);

#endif
