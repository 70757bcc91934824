/* SPDX-License-Identifier: MIT */
/*
 * Event ids: a UUID of version 8 (RFC 9562, section 5.8) whose bits are a
 * position:
 *
 *   eeeeeeee-eeee-8sss-voooo…   e: epoch, 48 bits   s: source, 12 bits
 *                               v: variant 10       o: seq, 62 bits
 *
 * An id says where in the order an event stands, never where its bytes lie.
 */
#ifndef STENTOR_JOURNAL_EVENT_ID_H
#define STENTOR_JOURNAL_EVENT_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { EVENT_ID_BYTES = 36 }; /* as text, without NUL */

struct event_id {
    uint64_t epoch;  /* 48 bits */
    uint64_t seq;    /* 62 bits */
    uint16_t source; /* 12 bits; 0: this journal */
};

/* Writes EVENT_ID_BYTES lower-case characters and a NUL. */
void event_id_format(const struct event_id *id, char *text);

/* False for anything that event_id_format cannot have written. */
bool event_id_parse(struct text text, struct event_id *id);

#endif
