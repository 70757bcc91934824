/* SPDX-License-Identifier: MIT */
/*
 * Takes the transfer coding off a response body: chunked, counted by
 * Content-Length, or ended by close. Keeps no bytes: it hands out runs of the
 * caller's own, however they were cut on their way.
 */
#ifndef STENTOR_LOAD_BODY_H
#define STENTOR_LOAD_BODY_H

#include <stddef.h>
#include <stdint.h>

enum body_state {
    BODY_UNTIL_CLOSE,
    BODY_COUNTED,
    BODY_CHUNK_SIZE,
    BODY_CHUNK_EXTENSION, /* what follows the size, up to LF */
    BODY_CHUNK_DATA,
    BODY_CHUNK_END,    /* the CRLF after the data */
    BODY_TRAILER,      /* at the beginning of a line */
    BODY_TRAILER_LINE, /* inside a line */
    BODY_DONE,
    BODY_BROKEN /* not chunked framing; stays so */
};

struct body {
    uint64_t left;  /* of the counted body or the current chunk */
    uint8_t state;  /* enum body_state */
    uint8_t digits; /* of the chunk size, seen so far */
};

void load_body_init_chunked(struct body *body);
void load_body_init_counted(struct body *body, uint64_t length);
void load_body_init_until_close(struct body *body);

/*
 * Consumes up to `size` bytes and returns how many; `run` and `run_size` tell
 * the body bytes among them, maybe none. Consumes 0 only when DONE or BROKEN.
 */
size_t load_body_take(struct body *body, const char *bytes, size_t size,
                      const char **run, size_t *run_size);

#endif
