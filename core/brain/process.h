/* SPDX-License-Identifier: MIT */
/* The one struct of a brain process: it owns the loop and all parts. Lua knows
   it as the opaque struct stentor_brain of ffi.h. */
#ifndef STENTOR_BRAIN_PROCESS_H
#define STENTOR_BRAIN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "brain/ffi.h"
#include "brain/inbox.h"
#include "brain/sources.h"
#include "journal/channel.h"
#include "journal/journal.h"
#include "kafka/kafka.h"
#include "kafka/places.h"
#include "mailbox/board.h"
#include "mailbox/mailbox.h"
#include "mailbox/shelf.h"
#include "supervisor/control.h"

enum { BRAIN_MAGIC = 0x4e415242 };

struct script;

/* A worker as the brain sees it. */
struct peer {
    struct mailbox mailbox;
    struct board_worker *shown; /* its part of the board */
    int bell;
    /* Answers for which the mailbox had no room, whole messages in order:
       struct mail and what follows it. */
    struct buffer outbox;
};

struct stentor_brain {
    uint32_t magic;
    uv_loop_t loop;
    uv_poll_t control_poll;
    uv_poll_t bell_poll;
    uv_prepare_t before_sleep; /* the sleeper's side of mailbox/bell.h */
    uv_check_t after_sleep;
    uv_idle_t keep_awake; /* active while the inbox is not empty */
    uv_timer_t timer;     /* of stentor_timer */
    uv_timer_t retry;     /* while an outbox is not empty */
    uv_timer_t settling;  /* between let_go and the release */

    struct stentor_plan plan;
    bool planned;
    bool in_charge;      /* GO has come: the journal may be written */
    bool handed_over;    /* by the brain before, which has released its role */
    bool releasing;      /* no request is taken any more */
    bool let_go;         /* Lua has said stentor_released */
    uint64_t let_go_at;  /* in the loop's time */
    bool has_objects;    /* they came once; after a release they come again */
    bool stopping;       /* STOP has come: the hooks run */
    bool stopped;        /* it has come again: the end */
    uint64_t stopped_at; /* in the loop's time */
    char broker[CONTROL_ADDRESS_BYTES]; /* of the embedded Kafka, or "" */

    struct journal journal;
    struct channel_map channels;
    struct board board;
    struct shelf shelf;
    struct buffer kept;     /* what stentor_keep_get read last */
    struct buffer followed; /* what stentor_read read last */
    struct ledger ledger;
    struct kafka *kafka; /* NULL: the config has none */
    struct places places;
    struct sources sources;
    int bell; /* ours */
    uint32_t peer_count;
    struct peer peers[CONTROL_WORKERS_MAX];
    struct inbox inbox;
    struct buffer frame; /* where events are framed before they are appended */
    struct script *script;
};

/* Wakes the worker if it sleeps: there is something for it. */
void peer_ring(struct peer *peer);

#endif
