/* SPDX-License-Identifier: MIT */
/*
 * What the brain is at, and what it was at when it died. It lies on the board,
 * so both can be read from outside, also when the brain loops for ever or is
 * gone: a watchdog names the handler, and a record that has killed the brain
 * again and again is passed over.
 *
 *   brain                                supervisor
 *   blame_set before each entry of Lua   blame_title: what does it hang in?
 *   blame_deaths before a record         blame_death: it has died
 *
 * A record is named by its source ("events/0": topic and partition) and its
 * position there (its offset). It must be set before Lua sees the record, and
 * be set again whenever its handler goes on after it has waited.
 */
#ifndef STENTOR_MAILBOX_BLAME_H
#define STENTOR_MAILBOX_BLAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    BLAME_TITLE_BYTES = 192,  /* cut if longer; NUL included */
    BLAME_SOURCE_BYTES = 280, /* a topic has 249 bytes at most */
    BLAME_SUSPECTS = 16       /* records kept; the oldest gives way */
};

struct blame_record {
    char source[BLAME_SOURCE_BYTES]; /* "": none */
    uint64_t position;
    uint64_t deaths;
};

struct blame {
    char title[BLAME_TITLE_BYTES]; /* "": no handler runs */
    struct blame_record record;    /* that it is at; `deaths` is unused */
    uint64_t passed_over;          /* records, ever; counted by who does it */
    struct blame_record suspects[BLAME_SUSPECTS]; /* newest first */
};

/* The brain: enters `title` ("route \"GET /x\" (config.lua:12)"), with the
   record that it is handed, or an empty `source`. */
void blame_set(struct blame *blame, struct text title, struct text source,
               uint64_t position);

/* How often the brain has died at this record; from STENTOR_DEATHS_MAX
   (brain/ffi.h) on it is not to be tried again. */
uint64_t blame_deaths(const struct blame *blame, struct text source,
                      uint64_t position);

/* Counts a record that was passed over. */
void blame_pass_over(struct blame *blame);

/* The supervisor: what the brain was entered for last; "" if nothing. */
void blame_title(const struct blame *blame, char title[BLAME_TITLE_BYTES]);

/* The supervisor: the brain has died. Counts it against the record that it was
   at, if it was at one, and clears what it was at. */
void blame_death(struct blame *blame);

#endif
