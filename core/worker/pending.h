/* SPDX-License-Identifier: MIT */
/*
 * The requests that wait for the brain. A worker keeps each whole request until
 * it is answered; the mailbox only carries copies. So when the brain dies,
 * what it has not taken is offered to the next one, and what it has taken is
 * answered with 503 `outcome unknown` and never run twice.
 */
#ifndef STENTOR_WORKER_PENDING_H
#define STENTOR_WORKER_PENDING_H

#include <stdint.h>

#include "base/list.h"
#include "worker/wheel.h"

struct worker;
struct connection;

struct pending {
    struct list held; /* not yet in the mailbox: it was full; in order */
    struct list sent; /* in the mailbox, by ordinal */
    uint64_t last_number;
    /* Open hash of sent and held, number → request. */
    struct request **buckets;
    uint32_t mask;
    uint32_t count;
    struct wheel_member retry; /* runs while requests are held: the mailbox may
                                  get room without a message to us */
};

/* `starts`: how often this worker was started; keeps numbers unique. */
void pending_init(struct pending *pending, uint32_t worker_number,
                  uint32_t starts);
void pending_done(struct pending *pending);

/* Numbers the connection's request and sends it to the brain, or holds it. */
void pending_offer(struct worker *worker, struct connection *connection);

/* Sends held requests for which there is room again. */
void pending_send_held(struct worker *worker);

/* The request `number`, or NULL: it has gone away or was answered. */
struct request *pending_find(struct pending *pending, uint64_t number);

/* It was answered, or its client has gone. */
void pending_remove(struct pending *pending, struct request *request);

/* A new brain has come with a new mailbox, and the old one is read out: taken
   requests get their 503, the others go into the new one, in order. */
void pending_move(struct worker *worker, uint64_t taken);

#endif
