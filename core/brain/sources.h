/* SPDX-License-Identifier: MIT */
/*
 * The topics that this brain reads. Lua is told of one that may be read and
 * reads it in batches; one that feeds channels is read here, a portion each
 * turn, straight into the journal.
 */
#ifndef STENTOR_BRAIN_SOURCES_H
#define STENTOR_BRAIN_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "brain/ffi.h"
#include "brain/ffi_source.h"

struct portion;
struct source;
struct stentor_brain;

/* One source, as the brain holds it. */
struct brain_source {
    struct stentor_brain *brain;
    struct source *source;
    char *topic;
    bool embedded; /* its cluster is the embedded Kafka */
    bool headers;  /* of its records are read */
    bool readable; /* there may be something */
    bool told;     /* an item has said so, and Lua is at it */
    uint64_t turn; /* of the last item: one a turn, requests want theirs too */
    bool gap;      /* not told yet: records were lost; `why` */
    char why[STENTOR_ERROR_BYTES];
    uint32_t feeds[STENTOR_FEEDS_MAX]; /* channels */
    uint32_t feed_count;
    struct portion *portion; /* of a feed: on its way into the journal */
    bool feed_waits; /* a channel takes nothing now; until the client looks */
    uint64_t skipped;
    uint64_t skip_told_ns; /* when the log told of one last; 0: never */
};

struct sources {
    struct brain_source *list[STENTOR_SOURCES_MAX];
    uint32_t count;
    uint32_t next; /* round robin */
    uint64_t turn;
    uint32_t open; /* of those that were told to close: not closed yet */
    bool closing;
};

/* Whether there is something for a turn: to feed, or to tell Lua. */
bool sources_have_news(const struct stentor_brain *brain);

/* A turn begins: each source may be taken once, and a portion of what feeds
   channels is put there. */
void sources_begin_turn(struct stentor_brain *brain);

/* The next source that Lua is to be told of; false if there is none. */
bool sources_take(struct stentor_brain *brain, struct stentor_item *item);

/* Nothing is read any more; `open` counts those that still commit. */
void sources_close(struct stentor_brain *brain);

/* All are closed: they may be opened again. */
void sources_forget(struct stentor_brain *brain);

/* The embedded Kafka has another address. */
void sources_move(struct stentor_brain *brain);

/* Feeds a portion from what can be read, and tells of a gap before; part of
   sources_begin_turn. */
void sources_feed_one(struct brain_source *at);

/* Frees what a feed had in hand: it is read again by who comes after. */
void sources_feed_done(struct brain_source *at);

#endif
