/* SPDX-License-Identifier: MIT */
/*
 * The other half of core/base/fault.h, in the build `stentor-faults` alone.
 * The run and all processes of the server share a file, which the environment
 * variable STENTOR_FAULT_FILE names: what is asked for, and what was done
 * (spec/faults/order.lua writes and reads it).
 */
#include "base/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

enum { SPOIL_EVERY = 10000 /* events */ };

enum spoil { SPOIL_NOTHING, SPOIL_DROP, SPOIL_DOUBLE, SPOIL_REORDER };

struct order {
    char step[56];      /* stop at this point, to be killed; "": at none */
    uint32_t countdown; /* times that it is still to be reached */
    uint32_t spoil;     /* enum spoil */
    uint32_t spoiled;   /* how often that was done */
    int32_t stopped;    /* the process that has come to it */
};

static struct order *order(void)
{
    static struct order *shared;
    static struct order none;
    if (shared != NULL)
        return shared;
    shared = &none;
    const char *path = getenv("STENTOR_FAULT_FILE");
    if (path == NULL)
        return shared;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED);
    close(fd);
    return shared;
}

void fault_point(const char *step)
{
    struct order *asked = order();
    if (asked->step[0] == '\0' || strcmp(asked->step, step) != 0)
        return;
    if (__atomic_sub_fetch(&asked->countdown, 1, __ATOMIC_RELAXED) != 0)
        return;
    asked->step[0] = '\0';
    __atomic_store_n(&asked->stopped, getpid(), __ATOMIC_RELEASE);
    /* The run now looks which clients die with us, and then kills. */
    kill(getpid(), SIGSTOP);
}

void fault_spoil(struct buffer *indexes)
{
    static size_t left = SPOIL_EVERY;
    struct order *asked = order();
    size_t count = indexes->size / sizeof(uint32_t);
    if (asked->spoil == SPOIL_NOTHING)
        return;
    /* One that is due waits for two in a batch: to change places needs two. */
    left = left > count ? left - count : 0;
    if (left > 0 || count < 2)
        return;
    left = SPOIL_EVERY;
    asked->spoiled++;
    uint32_t last, before;
    const char *end = indexes->bytes + indexes->size;
    memcpy(&last, end - sizeof last, sizeof last);
    memcpy(&before, end - 2 * sizeof last, sizeof before);
    indexes->size -= 2 * sizeof last;
    uint32_t spoilt[] = { before, last, last }; /* doubled */
    size_t kept = 3;
    if (asked->spoil == SPOIL_DROP) {
        spoilt[0] = last;
        kept = 1;
    } else if (asked->spoil == SPOIL_REORDER) {
        spoilt[0] = last;
        spoilt[1] = before;
        kept = 2;
    }
    buffer_add(indexes, spoilt, kept * sizeof *spoilt);
}
