/* SPDX-License-Identifier: MIT */
/*
 * The listening sockets. Each worker has its own for each address, joined by
 * SO_REUSEPORT, so the kernel spreads the connections. The supervisor keeps
 * them open: closing one resets the connections that wait in its queue.
 */
#ifndef STENTOR_SUPERVISOR_LISTENING_H
#define STENTOR_SUPERVISOR_LISTENING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "brain/ffi.h" /* struct stentor_listener */
#include "supervisor/control.h"

enum { LISTENING_ADDRESS_BYTES = 80 };

struct listening {
    const struct stentor_listener *addresses;
    uint32_t ack_time_ms; /* what clients have to acknowledge in */
    uint32_t address_count;
    uint32_t worker_count;
    int sockets[CONTROL_WORKERS_MAX][STENTOR_LISTENERS_MAX];
};

/* Opens them all or none. `addresses` must stay as long as `listening` is open.
   `error` receives what was wrong and how to mend it. */
int listening_open(struct listening *listening,
                   const struct stentor_listener *addresses, uint32_t count,
                   uint32_t worker_count, uint32_t ack_time_ms, char *error);
/* Opens those of one worker more, which join the group; 0, or as above, and
   there are as many as before. */
int listening_add_worker(struct listening *listening, char *error);

/* For who is accepted from now on. */
void listening_set_ack_time(struct listening *listening, uint32_t ack_time_ms);
void listening_close(struct listening *listening);

/* "127.0.0.1:3000" or "[::1]:3000". */
void listening_name(const struct stentor_listener *address, char *name);

/* Adds "http://127.0.0.1:3000" for each, and `between` between them. */
void listening_add_urls(const struct stentor_listener *addresses,
                        uint32_t count, const char *between, struct buffer *to);

#endif
