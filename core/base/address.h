/* SPDX-License-Identifier: MIT */
/* Internet addresses and networks, as values. */
#ifndef STENTOR_BASE_ADDRESS_H
#define STENTOR_BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { ADDRESS_BYTES = 16, ADDRESS_TEXT_BYTES = 46 };

/* An IPv6 address; an IPv4 one is ::ffff:a.b.c.d, and reads as a.b.c.d. All
   zeros: none. */
struct address {
    uint8_t bytes[ADDRESS_BYTES];
};

/* The addresses whose first `bits` (0 to 128) are those of `of`. */
struct network {
    struct address of;
    uint32_t bits;
};

struct sockaddr;

/* False if it is neither of IPv4 nor of IPv6. */
bool address_of_socket(const struct sockaddr *socket, struct address *address);

/* Numeric, without port, brackets or zone. */
bool address_parse(struct text text, struct address *address);

/* NUL-terminated. */
void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_BYTES]);

bool address_is_v4(const struct address *address);
bool address_is_none(const struct address *address);
bool address_equals(const struct address *a, const struct address *b);

/* "10.0.0.0/8", "fd00::/8", or a single address. False if it is none of these,
   or bits behind the prefix are set. */
bool network_parse(struct text text, struct network *network);

bool network_has(const struct network *network, const struct address *address);

#endif
