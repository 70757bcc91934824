/* SPDX-License-Identifier: MIT */
/*
 * Who is here, by address: how many connections each has, and when it may ask
 * again. Tables in the board's memory, so that limits hold over all workers
 * together, wherever the system spreads an address's connections.
 *
 * An address is known by a key, and one of IPv6 by that of its /64: whoever has
 * one of those addresses has all of them. Each table is made of sets of
 * CROWD_WAYS places; a key has its place in one set.
 */
#ifndef STENTOR_MAILBOX_CROWD_H
#define STENTOR_MAILBOX_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

enum { CROWD_WAYS = 16, CROWD_NOWHERE = 0 };

/* One address's connections to one worker, which alone writes it. */
struct crowd_member {
    uint64_t key;
    uint32_t connections; /* 0: the place is free */
    uint32_t reserved;
};

/* Until when an address has used up what it may ask; all workers write it. In
   between, the two words may be of two addresses: one request is misjudged. */
struct crowd_meter {
    uint64_t key;
    uint64_t due_ns; /* of the monotonic clock; past: the place is free */
};

/* Places for about so many addresses: a power of two. */
uint32_t crowd_places(uint32_t addresses);

/* Never 0. The seed is secret, so that nobody can fill one set on purpose. */
uint64_t crowd_key(const struct address *address, uint64_t seed);

/* One connection more; the place to give to crowd_leave, or CROWD_NOWHERE: the
   set is full, and the connection is not counted. */
uint32_t crowd_enter(struct crowd_member *members, uint32_t places,
                     uint64_t key);
void crowd_leave(struct crowd_member *members, uint32_t place);

uint32_t crowd_count(const struct crowd_member *members, uint32_t places,
                     uint64_t key);

/*
 * The address asks once: 0, or how many nanoseconds it should wait. It may ask
 * once each `interval_ns`, and as often as fits into `burst_ns` at once.
 * `*forgot` becomes true if another address's meter had to give way.
 */
uint64_t crowd_ask(struct crowd_meter *meters, uint32_t places, uint64_t key,
                   uint64_t now_ns, uint64_t interval_ns, uint64_t burst_ns,
                   bool *forgot);

#endif
