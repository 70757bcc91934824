/* SPDX-License-Identifier: MIT */
/*
 * The mailbox between one worker and the brain: two rings of messages in
 * shared memory, each with one sender and one receiver.
 *
 *   up:   worker → brain   requests, and what happened to streams
 *   down: brain → worker   answers
 *
 * A mailbox lives as long as the pair: when the brain or the worker dies the
 * supervisor makes a new one, and whoever lives reads out the old one first.
 * The messages are in message.h.
 */
#ifndef STENTOR_MAILBOX_MAILBOX_H
#define STENTOR_MAILBOX_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAILBOX_MAGIC = 0x4d4e5453, /* "STNM" */
    MAILBOX_VERSION = 1
};

/* Before each message; `size` counts this header, the message and padding up
   to a multiple of 8. */
struct mail {
    uint32_t size;
    uint32_t type;    /* enum message_type */
    uint64_t ordinal; /* 1, 2, 3 … in this ring */
};

/* The shared words of one ring; positions count bytes ever sent. */
struct mail_words {
    uint64_t head __attribute__((aligned(64))); /* the sender's */
    uint64_t tail __attribute__((aligned(64))); /* the receiver's */
    /* Up only: ordinal of the last message that Lua has seen. The brain stores
       it immediately before, one by one, never for a batch: after its death
       this tells what may have been run. */
    uint64_t taken;
};

struct mailbox_header {
    uint32_t magic;
    uint32_t version;
    uint64_t ring_bytes; /* of each ring */
    struct mail_words up;
    struct mail_words down;
};

/* One process's end of one ring. */
struct mail_ring {
    struct mail_words *words;
    char *bytes; /* mirrored: messages are contiguous */
    uint64_t ring_bytes;
    uint64_t position; /* next to write, or next to read */
    uint64_t ordinal;  /* of the last message sent, or got */
    uint64_t blank;    /* sender: to pass over before the reserved room */
};

struct mailbox {
    struct mailbox_header *header;
    struct mail_ring up;
    struct mail_ring down;
};

/* Makes an empty mailbox in the empty memfd `fd`; `ring_bytes` is rounded up
   to whole pages. A message may be as long as a quarter of the ring. */
int mailbox_create(int fd, size_t ring_bytes, char *error);

/* Maps the mailbox in `fd`, which may be closed after. Each side opens it once,
   before it uses it: both begin at the beginning. */
int mailbox_open(struct mailbox *mailbox, int fd, char *error);
void mailbox_close(struct mailbox *mailbox);

/* --- the sender's side --- */

/*
 * Room for a message of at most `bytes`, 8-aligned, or NULL if the ring is too
 * full for it now. Nothing is sent before mail_send.
 */
void *mail_reserve(struct mail_ring *ring, size_t bytes);

/* Sends the reserved room's first `bytes`; returns the message's ordinal. The
   receiver must be woken after (bell.h). */
uint64_t mail_send(struct mail_ring *ring, uint32_t type, size_t bytes);

/* After the receiver's death: makes a `view` of the ring through which mail_next
   shows the sender what the receiver had not given back, taken or not. */
void mail_look_back(const struct mail_ring *sent, struct mail_ring *view);

/* --- the receiver's side --- */

/* The next message, or NULL; what follows the header is the message. Its bytes
   stay until mail_release. */
const struct mail *mail_next(struct mail_ring *ring);

/* Gives the sender back the room of all that mail_next has returned. */
void mail_release(struct mail_ring *ring);

/* True if mail_next would return a message. */
bool mail_waits(const struct mail_ring *ring);

#endif
