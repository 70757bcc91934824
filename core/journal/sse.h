/* SPDX-License-Identifier: MIT */
/*
 * Server-Sent Events as they go on the wire (WHATWG HTML, section 9.2.5):
 *
 *   event   = *( field ) LF
 *   field   = name ":" SP value LF       names: id, event, retry, data
 *   comment = ":" *any LF
 *
 * Lines end with LF here. A value holds no CR and no LF: data is split on CR,
 * LF and CRLF alike into one `data` line each; an event name with either, or
 * with NUL, is refused. All other bytes pass untouched.
 */
#ifndef STENTOR_JOURNAL_SSE_H
#define STENTOR_JOURNAL_SSE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

struct sse_event {
    struct text id;    /* size 0: none */
    struct text name;  /* size 0: none */
    struct text data;  /* always written; an empty one is an empty line */
    uint32_t retry_ms; /* 0: none */
};

/* STENTOR_EEVENT for CR, LF or NUL in the name; STENTOR_ERESERVED for "gap". */
int sse_check_name(struct text name);

/* Bytes of the event without chunk framing. */
size_t sse_size(const struct sse_event *event);

/* Adds the event's lines. The name must have passed sse_check_name, or be one
   of ours. */
void sse_write(const struct sse_event *event, struct buffer *to);

/* Adds the event as one HTTP chunk (RFC 9112, section 7.1); returns the size
   of the chunk's head, "1a3\r\n". */
uint8_t sse_frame(const struct sse_event *event, struct buffer *to);

/* Adds `bytes` as one HTTP chunk. */
void sse_chunk(struct text bytes, struct buffer *to);

#endif
