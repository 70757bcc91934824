/* SPDX-License-Identifier: MIT */
#include "load/payload.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char key[] = "{\"load\":\"";

/* Offsets from the run tag, and where the fixed part ends. */
enum { LANE_AT = 9, NUMBER_AT = 13, TIME_AT = 22, FIXED_BYTES = 39 };

void load_payload_write(char *into, size_t size, const char *run,
                        const struct payload *payload)
{
    CHECK(size >= PAYLOAD_BYTES_MIN);
    CHECK(payload->number <= PAYLOAD_NUMBER_MAX);
    char fixed[64];
    int used = snprintf(fixed, sizeof fixed, "%s%.8s %03u %08u %016llu ", key,
                        run, payload->lane % 1000, payload->number,
                        (unsigned long long)payload->sent_us);
    CHECK(used == sizeof key - 1 + FIXED_BYTES);
    memset(into, '~', size);
    memcpy(into, fixed, (size_t)used);
    memcpy(into + size - 2, "\"}", 2);
}

/* Eight decimal digits at once; the multiplications add neighbours up. */
static uint32_t read_eight(const char *digits)
{
    uint64_t word;
    memcpy(&word, digits, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word = (word & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
    word = (word & 0x00ff00ff00ff00ff) * 6553601 >> 16;
    return (uint32_t)((word & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

/* Where the run tag begins when a server wrote the JSON in its own way. */
static const char *seek(const char *text, size_t size)
{
    const char *end = text + size;
    size_t window = size < PAYLOAD_SEEK_BYTES ? size : PAYLOAD_SEEK_BYTES;
    const char *at = memmem(text, window, "\"load\"", 6);
    if (at == NULL)
        return NULL;
    at += 6;
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    return at < end && *at == '"' ? at + 1 : NULL;
}

bool load_payload_read(const char *text, size_t size, const char *run,
                       struct payload *payload)
{
    const char *at = text + sizeof key - 1;
    if (size < PAYLOAD_BYTES_MIN || memcmp(text, key, sizeof key - 1) != 0)
        at = seek(text, size);
    if (at == NULL || at + FIXED_BYTES > text + size ||
        memcmp(at, run, PAYLOAD_RUN_BYTES) != 0)
        return false;
    payload->lane =
        (uint32_t)((at[LANE_AT] - '0') * 100 + (at[LANE_AT + 1] - '0') * 10 +
                   (at[LANE_AT + 2] - '0'));
    payload->number = read_eight(at + NUMBER_AT);
    payload->sent_us = (uint64_t)read_eight(at + TIME_AT) * 100000000 +
                       read_eight(at + TIME_AT + 8);
    return true;
}
