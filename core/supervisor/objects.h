/* SPDX-License-Identifier: MIT */
/*
 * The memory that the processes share: journal, board, shelf, bells and
 * mailboxes. The supervisor makes it and keeps a descriptor of each, so that it
 * outlives every child.
 */
#ifndef STENTOR_SUPERVISOR_OBJECTS_H
#define STENTOR_SUPERVISOR_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "brain/ffi.h" /* struct stentor_plan */
#include "journal/journal.h"
#include "mailbox/board.h"
#include "supervisor/control.h"

struct objects {
    uint32_t worker_count;
    size_t mailbox_ring_bytes;
    int journal;
    int journal_reader;     /* the same memory; cannot be mapped writable */
    struct journal history; /* our own view of it, for the status */
    int board_file;
    struct board board;
    int shelf;  /* the brain's; nobody here reads it */
    int ledger; /* likewise: what Kafka has of the journal */
    int places; /* likewise: where topics are read */
    int brain_bell;
    int bells[CONTROL_WORKERS_MAX];
    int mailboxes[CONTROL_WORKERS_MAX];
};

/* Holds nothing; objects_close may be called on it. */
void objects_init(struct objects *objects);

/* Makes all of it. 0, or a negative code and a sentence in `error`. */
int objects_open(struct objects *objects, const struct stentor_plan *plan,
                 uint32_t worker_count, char *error);
void objects_close(struct objects *objects);

/* Makes what one worker more needs: it is number objects->worker_count - 1. */
int objects_add_worker(struct objects *objects, char *error);

/* Mailboxes that are made from now on have room for what these limits allow;
   they never get less than before. */
void objects_fit_mailboxes(struct objects *objects,
                           const struct stentor_limits *limits);

/* Replaces a worker's mailbox by an empty one. */
int objects_renew_mailbox(struct objects *objects, uint32_t number,
                          char *error);

/* The descriptors that go with OBJECTS (control.h), but for the listening
   sockets; return how many. */
uint32_t objects_for_brain(const struct objects *objects, int *fds);
uint32_t objects_for_worker(const struct objects *objects, uint32_t number,
                            int *fds);

/* Wakes them whatever their words say: whoever died may have cleared `asleep`
   and not yet have rung. */
void objects_ring_workers(const struct objects *objects);
void objects_ring_brain(const struct objects *objects);

#endif
