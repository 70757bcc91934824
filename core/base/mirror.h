/* SPDX-License-Identifier: MIT */
/*
 * A shared ring mapped twice in a row, so that a run of bytes which crosses
 * the end of the ring is contiguous in memory:
 *
 *   address:  base                base + bytes           base + 2 * bytes
 *             | ring (first view) | ring (second view)   |
 */
#ifndef STENTOR_BASE_MIRROR_H
#define STENTOR_BASE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Maps `bytes` of `fd` from `offset`, twice. Both must be multiples of the
 * page size. Returns the first view or NULL with errno set.
 */
char *mirror_map(int fd, off_t offset, size_t bytes, bool writable);

void mirror_unmap(char *base, size_t bytes);

#endif
