/* SPDX-License-Identifier: MIT */
/*
 * The control channel between the supervisor and a child: a SOCK_SEQPACKET
 * pair, one message a packet, descriptors beside it (SCM_RIGHTS). The child
 * finds its end at CONTROL_FD.
 *
 *   supervisor                        brain
 *   CONFIG path           →           loads the config without effects
 *                         ←  WRONG    what is wrong with it; it ends
 *                         ←  PLAN     what it asks for
 *   OBJECTS + descriptors →           maps journal, board, mailboxes
 *   BROKER address        →           where the embedded Kafka answers, from
 *                                     now on: before GO, and whenever that
 *                                     changes
 *   GO                    →           it is in charge: opens its channels
 *                         ←  READY    and has started its sources
 *   MAILBOX + descriptors →           worker `number` was started again
 *   PEER + descriptors    →           there is a worker more
 *   RELEASE               →           pauses sources, takes no more requests
 *                         ←  RELEASED and is not in charge any more. It goes
 *                                     on after another OBJECTS and GO
 *   STATUS                →           is asked what it knows
 *                         ←  STATUS   and says it
 *   STOP                  →           runs its stop hooks
 *                         ←  STOPPED  and still answers requests
 *   STOP                  →           the second, or released: exits 0
 *
 *   supervisor                        worker
 *   OBJECTS + descriptors →           maps, listens
 *                         ←  READY    serves from here on
 *   MAILBOX + descriptors →           there is a new brain
 *                         ←  FULL     accepts nobody for now (or ROOM again)
 *   COVER + descriptors   →           accepts for worker `number` too, which is
 *                                     dead, full or surplus
 *   UNCOVER               →           no longer
 *   TAKE_OVER + socket    →           takes the clients of worker `number`
 *   HAND_OVER + socket    →           is surplus: accepts nobody, gives its
 *                                     clients to worker `number`, exits 0
 *   PLAN                  →           limits and heartbeats have changed
 *   DRAIN                 →           sends its clients away
 *   STOP                  →           closes everything, exits 0
 *
 *   supervisor                        embedded Kafka
 *                         ←  READY address
 *   STOP                  →           exits 0
 */
#ifndef STENTOR_SUPERVISOR_CONTROL_H
#define STENTOR_SUPERVISOR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "brain/ffi.h" /* struct stentor_plan */

enum {
    CONTROL_FD = 3, /* the child's end */
    CONTROL_FDS_MAX = 200,
    CONTROL_WORKERS_MAX = STENTOR_WORKERS_MAX,
    CONTROL_PATH_BYTES = 4096,
    CONTROL_ADDRESS_BYTES = 64
};

enum control_type {
    CONTROL_CONFIG = 1, /* NUL-terminated path */
    CONTROL_PLAN,       /* struct stentor_plan */
    CONTROL_OBJECTS,    /* struct control_objects */
    CONTROL_READY,      /* of the embedded Kafka: NUL-terminated "host:port" */
    CONTROL_GO,
    CONTROL_MAILBOX, /* struct control_mailbox */
    CONTROL_STOP,
    CONTROL_BROKER, /* NUL-terminated "host:port" */
    CONTROL_PEER,   /* struct control_mailbox */
    CONTROL_FULL,
    CONTROL_ROOM,
    CONTROL_COVER, /* struct control_worker, and so the next three */
    CONTROL_UNCOVER,
    CONTROL_TAKE_OVER,
    CONTROL_HAND_OVER,
    CONTROL_WRONG,   /* NUL-terminated text, one mistake a line */
    CONTROL_RELEASE, /* struct control_release */
    CONTROL_RELEASED,
    CONTROL_STOPPED,
    CONTROL_STATUS, /* struct control_status; back: NUL-terminated text */
    CONTROL_DRAIN   /* struct control_drain */
};

/*
 * Descriptors beside OBJECTS, in this order:
 *   to the brain:  journal, board, shelf, Kafka ledger and places, its bell,
 *                  then for each worker its mailbox and its bell
 *   to a worker:   journal (read-only), board, its mailbox, its bell, the
 *                  brain's bell, then its listening sockets
 */
struct control_objects {
    uint32_t worker_count;
    uint32_t number;      /* worker: its own */
    uint32_t handed_over; /* brain: the one before has released the role, and
                             left what `keep` hands on; else it died */
    uint32_t reserved;    /* 0 */
    struct stentor_plan plan;
};

/* Beside it: the new mailbox; beside PEER the new worker's bell as well. */
struct control_mailbox {
    uint32_t number; /* brain: of the worker that was started again */
};

/* Beside COVER: that worker's listening sockets; beside TAKE_OVER and HAND_OVER
   one end of a socket between the two (worker/move_message.h). */
struct control_worker {
    uint32_t number;
};

struct control_release {
    uint32_t drain_ms; /* for running handlers to finish */
};

struct control_status {
    uint32_t json; /* 1: as JSON, else as lines to read */
};

enum control_drain_kind {
    DRAIN_LEAVE, /* accept nobody, exit 0 when all have gone */
    DRAIN_STAY,  /* streams are ended and refused, requests are answered */
    DRAIN_OVER   /* that is over: serve as before */
};

struct control_drain {
    uint32_t kind;      /* enum control_drain_kind */
    uint32_t window_ms; /* within which all streams are ended */
    uint32_t spread_ms; /* over which their clients come back */
};

/* One received message; the descriptors belong to the receiver. */
struct control_message {
    uint32_t type;
    uint32_t size; /* of `body` */
    uint32_t fd_count;
    int fds[CONTROL_FDS_MAX]; /* close-on-exec */
    _Alignas(8) char body[16384];
};

/* A pair of connected ends, close-on-exec; 0 or -1 with errno. */
int control_pair(int ends[2]);

/* Sends one message; the descriptors stay the caller's. 0 or -1 with errno. */
int control_send(int fd, uint32_t type, const void *body, size_t size,
                 const int *fds, uint32_t fd_count);

/* Receives one message: 1, 0 if the other end is closed, -1 with errno
   (EAGAIN on a non-blocking end with nothing there). */
int control_receive(int fd, struct control_message *message);

/* The body as a string, ended here whatever the sender did. */
char *control_text(struct control_message *message);

/*
 * To be called first by a child: dies with the supervisor `parent`, however
 * that dies, ignores the terminal's signals, sets its title and log name to
 * `name` ("worker 0"), and checks that CONTROL_FD is open.
 */
void control_start_child(pid_t parent, const char *name);

#endif
