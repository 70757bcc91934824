/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *memory, size_t bytes)
{
    if (memory == NULL && bytes > 0) {
        fprintf(stderr, "stentor: out of memory (%zu bytes wanted)\n", bytes);
        abort();
    }
    return memory;
}

void *xmalloc(size_t bytes)
{
    return or_die(malloc(bytes), bytes);
}

void *xcalloc(size_t count, size_t bytes)
{
    return or_die(calloc(count, bytes), count * bytes);
}

void *xrealloc(void *memory, size_t bytes)
{
    return or_die(realloc(memory, bytes), bytes);
}

char *xstrndup(const char *text, size_t bytes)
{
    char *copy = xmalloc(bytes + 1);
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}
