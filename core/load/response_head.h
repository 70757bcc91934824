/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1 response, as much of it as a load tester must know. */
#ifndef STENTOR_LOAD_RESPONSE_HEAD_H
#define STENTOR_LOAD_RESPONSE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "load/body.h"

enum { RESPONSE_HEAD_BYTES_MAX = 16 * 1024 };

struct response_head {
    int status;
    bool is_event_stream;
    bool is_encoded;  /* Content-Encoding other than identity */
    bool is_last;     /* the connection ends with this response */
    struct body body; /* ready to decode what follows the head */
    struct text reason, content_type, encoding, location; /* borrowed */
};

/*
 * Returns the bytes of the head with its empty line (and of the interim ones,
 * such as 103 Early Hints, that come before), 0 if it is not whole
 * yet, or STENTOR_EINVALID if it is not one. Texts are borrowed from `bytes`.
 */
int load_response_head_read(struct response_head *head, const char *bytes,
                            size_t size);

#endif
