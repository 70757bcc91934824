/* SPDX-License-Identifier: MIT */
#include "base/mirror.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

char *mirror_map(int fd, off_t offset, size_t bytes, bool writable)
{
    CHECK(bytes > 0 && bytes % (size_t)sysconf(_SC_PAGESIZE) == 0);
    /* Reserve the whole span first: the two views must be neighbours. */
    char *base = mmap(NULL, 2 * bytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    for (size_t view = 0; view < 2; view++) {
        if (mmap(base + view * bytes, bytes, protection, MAP_SHARED | MAP_FIXED,
                 fd, offset) == MAP_FAILED) {
            munmap(base, 2 * bytes);
            return NULL;
        }
    }
    return base;
}

void mirror_unmap(char *base, size_t bytes)
{
    munmap(base, 2 * bytes);
}
