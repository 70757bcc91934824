/* SPDX-License-Identifier: MIT */
/*
 * The JSON that the publisher sends, made to be read back at little cost:
 *
 *   {"load":"k3f9a0c2 007 00000123 0000001732400000 ~~~~~~~~"}
 *            run      lane number  time, µs         filling up to the size
 *
 * One member with one string, so it stays readable when a server decodes it
 * and writes it anew or wraps it into an object of its own. A lane is one of
 * the publisher's connections; order is promised within a lane only, because
 * publishes on two connections may overtake each other on their way in.
 */
#ifndef STENTOR_LOAD_PAYLOAD_H
#define STENTOR_LOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAYLOAD_RUN_BYTES = 8,  /* a tag that is this run's alone */
    PAYLOAD_BYTES_MIN = 50, /* without any filling */
    PAYLOAD_NUMBER_MAX = 99999999,
    PAYLOAD_SEEK_BYTES = 96,   /* how far into a line it is looked for */
    PAYLOAD_PREFIX_BYTES = 160 /* of a line, enough to read it */
};

struct payload {
    uint32_t lane;
    uint32_t number; /* from 1 */
    uint64_t sent_us;
};

/* Writes `size` bytes (PAYLOAD_BYTES_MIN or more, no NUL at the end). */
void load_payload_write(char *into, size_t size, const char *run,
                        const struct payload *payload);

/* Reads it from the text of a data line; false if it is not of this run. */
bool load_payload_read(const char *text, size_t size, const char *run,
                       struct payload *payload);

#endif
