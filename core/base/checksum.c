/* SPDX-License-Identifier: MIT */
#include "base/checksum.h"

#include <string.h>

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        uint64_t word = 0;
        size_t part = size < sizeof word ? size : sizeof word;
        memcpy(&word, at, part);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
        sum ^= sum >> 32;
        at += part;
        size -= part;
    }
    return sum;
}
