/* SPDX-License-Identifier: MIT */
/*
 * A worker: client sockets, requests and streams. It reads the journal, never
 * writes it; it asks the brain through its mailbox and knows no Lua.
 */
#ifndef STENTOR_WORKER_WORKER_H
#define STENTOR_WORKER_WORKER_H

#include <sys/types.h>

/* The life of worker `number`, child of the supervisor `parent`; its exit
   code. */
int worker_main(int number, pid_t parent);

#endif
