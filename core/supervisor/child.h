/* SPDX-License-Identifier: MIT */
/*
 * One child process of the supervisor, through all its lives: started, watched
 * over its control channel, and started again with a growing delay. What its
 * messages and its death mean is decided by the owner.
 */
#ifndef STENTOR_SUPERVISOR_CHILD_H
#define STENTOR_SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "supervisor/control.h"

enum child_state {
    CHILD_DOWN,     /* not running; its timer may be about to start it */
    CHILD_STARTING, /* running, but has not said that it is ready */
    CHILD_READY
};

struct child;

/* How a process ended. */
struct child_end {
    int64_t exit_code; /* 0 if a signal ended it */
    int signal;        /* 0: it has exited by itself */
    char text[64];     /* "exit code 3", "signal 9 (Killed)" */
};

/* What the owner is told. None of them may free the child. */
struct child_events {
    void (*on_due)(struct child *child); /* the delay is over: start it */
    void (*on_message)(struct child *child, struct control_message *message);
    void (*on_end)(struct child *child, const struct child_end *end);
};

struct child {
    uint32_t magic;
    const char *role; /* "brain" or "worker" */
    uint32_t number;
    char name[24]; /* "brain" or "worker 0" */
    enum child_state state;
    int control; /* our end; -1 while it is down */
    uv_loop_t *loop;
    void *owner;
    const struct child_events *events;
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t timer;      /* down: its next start; running: its last second */
    uint32_t handles_open; /* of `process` and `poll` */
    uint64_t started_ms;
    uint64_t delay_ms; /* before its next start */
};

void child_init(struct child *child, uv_loop_t *loop, const char *role,
                void *owner, const struct child_events *events);

/* Gives a worker its number, before its first start. */
void child_set_number(struct child *child, uint32_t number);

/* Starts the process; 0 or a negative uv error, after which it is down. */
int child_start(struct child *child);

/* Lets on_due come after the delay, and doubles that for the next time. Returns
   the delay in milliseconds. */
uint64_t child_start_later(struct child *child);

/* Forgets a start that was still to come. */
void child_cancel_start(struct child *child);

/* Sends a message; a child that cannot take it is killed, as its part of the
   talk would be wrong from then on. Nothing happens while it is down. */
void child_send(struct child *child, uint32_t type, const void *body,
                size_t size, const int *fds, uint32_t fd_count);

/* SIGKILL, if it is running. */
void child_kill(struct child *child);

/* Closes what is left of a child that is down. */
void child_close(struct child *child);

#endif
