/* SPDX-License-Identifier: MIT */
#ifndef STENTOR_BASE_CLOCK_H
#define STENTOR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Unix time in milliseconds, as records have it; it may be set back. */
static inline uint64_t clock_unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
