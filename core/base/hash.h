/* SPDX-License-Identifier: MIT */
/* Hashes for tables; for names and numbers of our own choice, or with a secret
   seed where others choose them. */
#ifndef STENTOR_BASE_HASH_H
#define STENTOR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SplitMix64: neighbouring numbers give unrelated ones. */
static inline uint64_t hash_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* FNV-1a. */
static inline uint64_t hash_bytes(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

#endif
