/* SPDX-License-Identifier: MIT */
/*
 * One keep-alive connection of the publisher: one POST at a time, numbered
 * from 1. A number that was not accepted is sent again with the next POST, so
 * the accepted ones are consecutive; a server that takes an event but breaks
 * the connection before it answers therefore shows as having doubled it.
 */
#ifndef STENTOR_LOAD_LANE_H
#define STENTOR_LOAD_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "load/client.h"
#include "load/response_head.h"

enum lane_state {
    LANE_IDLE,    /* connected or not, ready for the next event */
    LANE_SENDING, /* connecting, or in the middle of the request */
    LANE_WAITING  /* for the answer, or in the middle of it */
};

struct lane {
    uint32_t magic;
    uint32_t index;
    int fd; /* -1 while there is no connection */
    enum lane_state state;
    uint32_t number;        /* of the last event begun */
    uint64_t not_before_us; /* pause after a failure */
    size_t sent;            /* bytes of the request */
    struct buffer request;
    struct buffer answer; /* the bytes of a head that came in pieces */
    struct response_head head;
    bool has_head;
    const struct load_job *job;
    int epoll;
};

/* Borrows `job`; sockets are watched by `epoll`, with the lane as data. */
void load_lane_init(struct lane *lane, uint32_t index,
                    const struct load_job *job, int epoll);
void load_lane_done(struct lane *lane);

/* Sends the next event; the lane must be idle. */
void load_lane_publish(struct lane *lane);

/* What epoll reported; `data` is the lane, `room` a buffer of `size` bytes to
   read into. */
void load_lane_on_ready(void *data, uint32_t events, char *room, size_t size);

#endif
