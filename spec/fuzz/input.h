/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is a function that takes any bytes at all and ends the process
 * (CHECK) when what must hold does not. libFuzzer calls it with bytes that it
 * makes to reach new code (`./dev fuzz`); blind.c with changed seeds, without
 * looking, in the test run.
 */
#ifndef STENTOR_FUZZ_INPUT_H
#define STENTOR_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h> /* free */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* libFuzzer's name for it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is left of the bytes; taken from the front, zeros when there are none. */
struct input {
    const uint8_t *bytes;
    size_t size;
};

static inline uint8_t input_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->bytes++;
}

static inline uint32_t input_short(struct input *input)
{
    uint32_t high = input_byte(input);
    return high << 8 | input_byte(input);
}

static inline uint32_t input_number(struct input *input)
{
    uint32_t high = input_short(input);
    return high << 16 | input_short(input);
}

/* At most `most` bytes, borrowed. */
static inline struct text input_text(struct input *input, size_t most)
{
    size_t size = input->size < most ? input->size : most;
    struct text text = text_of((const char *)input->bytes, size);
    input->bytes += size;
    input->size -= size;
    return text;
}

/*
 * One packet of at most `most` bytes, in memory that ends where it ends, so
 * that reading on is seen. Whoever calls frees it.
 */
static inline char *input_packet(struct text of, size_t at, size_t most,
                                 size_t *size)
{
    *size = of.size - at < most ? of.size - at : most;
    char *packet = xmalloc(*size);
    if (*size > 0)
        memcpy(packet, of.bytes + at, *size);
    return packet;
}

#endif
