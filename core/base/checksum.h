/* SPDX-License-Identifier: MIT */
/* A sum that tells whole bytes from torn or spoiled ones; no defence against
   an adversary. */
#ifndef STENTOR_BASE_CHECKSUM_H
#define STENTOR_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what `sum` covers and of `bytes` behind it. The bytes may be added
   in several runs, if all but the last are a multiple of eight long. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size);

#endif
