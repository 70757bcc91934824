/* SPDX-License-Identifier: MIT */
/*
 * What has happened and Lua has not seen yet. The queues are the mailboxes'
 * own rings, which are bounded: nothing is copied. When they are full the
 * workers hold their requests.
 */
#ifndef STENTOR_BRAIN_INBOX_H
#define STENTOR_BRAIN_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "brain/ffi.h"

/* For one call of pump(): timers and sockets want their turn too, and many
   handlers that take long are no hang. */
enum { INBOX_TURN_ITEMS = 256, INBOX_TURN_MS = 50 };

struct inbox {
    struct stentor_item item; /* what stentor_next returned last */
    uint32_t left;            /* items left for this turn */
    uint64_t ends_ns;         /* no further request is shown in this turn */
    uint32_t next_peer;       /* round robin */
    int32_t reading;          /* peer whose message `item` shows; -1: none */
    bool go;                  /* not told yet */
    bool resume;
    bool release;
    bool stop;
    bool timer;
    uint32_t drain_ms;  /* of the release */
    uint32_t status[2]; /* asked so often: for text, for JSON */
    uint64_t lost;      /* bit n: worker n died, not told yet */
    /* What dead workers had told of streams: for each message the worker's
       number (uint64_t) and the mail. At most one mailbox of each. */
    struct buffer rescued;
    size_t rescued_used;
    bool following;     /* Lua wants to know when the journal grows */
    uint64_t told_head; /* how far it knows */
};

struct mail_ring;

void inbox_init(struct inbox *inbox);

/* A new turn begins: INBOX_TURN_ITEMS may be taken in INBOX_TURN_MS. */
void inbox_begin_turn(struct inbox *inbox);

/* Keeps what the dead worker's mailbox still tells of streams: it is shown
   before Lua is told of the loss. Its requests have gone with their clients. */
void inbox_rescue(struct inbox *inbox, uint32_t worker, struct mail_ring *up);

/* True if stentor_next has something for the next turn. */
bool inbox_has_news(const struct stentor_brain *brain);

/* Gives the last item's bytes back to the sender. */
void inbox_release(struct stentor_brain *brain);

#endif
