/* SPDX-License-Identifier: MIT */
/*
 * Allocation that cannot fail: when memory runs out the process ends with a
 * message and its supervisor starts it again. Whatever a client can make grow
 * has a limit of its own and never gets this far.
 */
#ifndef STENTOR_BASE_MEMORY_H
#define STENTOR_BASE_MEMORY_H

#include <stddef.h>

/* Memory of `bytes`, uninitialised; free with free(). */
void *xmalloc(size_t bytes) __attribute__((malloc, alloc_size(1)));

/* Zeroed memory for `count` items of `bytes` each; free with free(). */
void *xcalloc(size_t count, size_t bytes)
    __attribute__((malloc, alloc_size(1, 2)));

/* `memory` (or NULL) resized to `bytes`; the old pointer is gone. */
void *xrealloc(void *memory, size_t bytes) __attribute__((alloc_size(2)));

/* A NUL-terminated copy of the first `bytes` bytes of `text`. */
char *xstrndup(const char *text, size_t bytes);

#endif
