/* SPDX-License-Identifier: MIT */
/*
 * A batch of clients on the move: descriptors of their sockets, and all that is
 * to be known of them (move_message.h). It is the only owner of those clients
 * while it exists, in either worker.
 */
#ifndef STENTOR_WORKER_MOVE_BATCH_H
#define STENTOR_WORKER_MOVE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "worker/move_message.h"

struct connection;
struct control_message;
struct worker;

struct move_batch {
    uint32_t count;
    int fds[MOVE_BATCH_MAX];
    struct buffer bytes;
};

/* Closes the descriptors that it still has. */
void move_batch_done(struct move_batch *batch);

static inline bool move_batch_is_full(const struct move_batch *batch)
{
    return batch->count == MOVE_BATCH_MAX ||
           batch->bytes.size >= MOVE_BATCH_BYTES;
}

/* Puts the client into the batch and closes the connection without a word;
   the board still counts a stream. False, and nothing has happened, if there
   is no descriptor for it. If its audience is being served, a stream in step
   must have been served already. */
bool move_batch_add(struct move_batch *batch, struct connection *connection);

/* Sends it through `link`; 0 or -1 with errno. It stays as it is. */
int move_batch_send(const struct move_batch *batch, int link);

/* Takes a BATCH message apart, whose descriptors it owns from then on; false if
   it is not of this version or makes no sense. */
bool move_batch_receive(struct move_batch *batch,
                        const struct control_message *message);

/* Makes connections of them, which are neither read nor written yet, and puts
   them into `list` (struct connection.member); counts them on the board and
   tells the brain. The batch has no descriptors after. */
void move_batch_adopt(struct move_batch *batch, struct worker *worker,
                      struct list *list);

/* Lets all in the list begin. */
void move_batch_start(struct worker *worker, struct list *list);

/* Another has them now: the board does not count them here any more. */
void move_batch_uncount(const struct move_batch *batch,
                        const struct worker *worker);

#endif
