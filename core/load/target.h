/* SPDX-License-Identifier: MIT */
/* Where to connect: an http:// URL, taken apart and resolved once. */
#ifndef STENTOR_LOAD_TARGET_H
#define STENTOR_LOAD_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

enum { TARGET_HOST_BYTES = 264, TARGET_PATH_BYTES = 8192 };

struct load_target {
    struct sockaddr_storage address;
    socklen_t address_size;
    bool is_loopback;
    char host[TARGET_HOST_BYTES]; /* as in the Host field, with the port */
    char path[TARGET_PATH_BYTES]; /* with the query */
};

/*
 * Connections that leave from one source address of 127.0.0.0/8. An address
 * has 28,232 ports by default, but connect tries those of one parity first and
 * walks all of them once they are taken: with 20,000 an address 45,000 clients
 * came at 4,000 a second, with 4,000 an address at 60,000 a second.
 */
enum { TARGET_SOURCE_CONNECTIONS = 4000 };

/*
 * Fills `target` from `url`. A url that begins with "/" is on the host of
 * `base` (which may be NULL). 0, or STENTOR_EINVALID with why in `error`.
 */
int load_target_parse(struct load_target *target, const char *url,
                      const struct load_target *base,
                      char error[STENTOR_ERROR_BYTES]);

/*
 * A non-blocking socket on its way to the target, or -1 with errno set. On
 * 127.0.0.0/8 connection number `index` says which source address is used.
 * `receive_bytes` bounds what the kernel takes in unread (0: as it likes).
 */
int load_target_connect(const struct load_target *target, uint64_t index,
                        int receive_bytes);

#endif
