/* SPDX-License-Identifier: MIT */
#include "mailbox/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

int bell_new(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void bell_ring_always(int bell)
{
    uint64_t one = 1;
    /* It fails only when the counter is full, and then the bell rings. */
    ssize_t written = write(bell, &one, sizeof one);
    (void)written;
}

void bell_ring(int bell, uint32_t *asleep)
{
    bell_fence();
    if (__atomic_load_n(asleep, __ATOMIC_RELAXED) == 0)
        return;
    /* Cleared before the write, so that a burst costs one system call. A
       sleeper that has lain down again in between is woken by the write. */
    __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
    bell_ring_always(bell);
}

void bell_lie_down(uint32_t *asleep)
{
    __atomic_store_n(asleep, 1, __ATOMIC_RELAXED);
    bell_fence();
}

void bell_get_up(uint32_t *asleep)
{
    __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
}

void bell_quiet(int bell)
{
    uint64_t rings;
    ssize_t got = read(bell, &rings, sizeof rings);
    (void)got;
}
