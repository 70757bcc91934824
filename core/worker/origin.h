/* SPDX-License-Identifier: MIT */
/*
 * Where a connection and its requests come from, and what one address may have:
 * the limits `address_connections` and `address_requests`.
 *
 * The peer of a connection may be a trusted proxy. Then it counts for nobody
 * but whose request it carries, from one request to the next, and the proxy
 * itself has no limit.
 */
#ifndef STENTOR_WORKER_ORIGIN_H
#define STENTOR_WORKER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

struct worker;
struct connection;
struct sockaddr;

/* The addresses of clients behind proxies; a connection knows its own by a
   number. */
struct origins {
    struct address *all;
    uint32_t count; /* places ever used; place 0 is nobody's */
    uint32_t room;
    uint32_t free; /* the first free place; its bytes say the next; 0: none */
};

void origins_init(struct origins *origins);
void origins_done(struct origins *origins);

/* A new connection, accepted at the plan's listener `listener`. False if its
   address has so many beyond the limit that it is not even answered. */
bool origin_arrive(struct connection *connection, const struct sockaddr *peer,
                   uint32_t listener);

/* The head of its request has come: finds out whose it is. False if it was
   refused and answered. */
bool origin_admit(struct connection *connection);

/* Between two requests it is nobody's, if a proxy carries it. */
void origin_rest(struct connection *connection);

/* It is closed. */
void origin_leave(struct connection *connection);

/* The client behind a proxy, or NULL. */
const struct address *origin_behind(const struct connection *connection);

/* A stream that was another worker's, with its client behind a proxy or NULL;
   no limit keeps it away. */
void origin_adopt(struct connection *connection, const struct address *behind);

#endif
