/* SPDX-License-Identifier: MIT */
/*
 * A part of the boundary to Lua (ffi.h): what goes on beyond one brain. Reading
 * channels by position, and what one brain keeps for the next.
 */
#ifndef STENTOR_BRAIN_FFI_LASTING_H
#define STENTOR_BRAIN_FFI_LASTING_H

#include "brain/ffi.h"

/* An event as stentor_read() finds it. */
struct stentor_entry {
    uint64_t seq;
    uint64_t time_ms; /* Unix time of its publishing */
    uint32_t channel;
    uint32_t reserved;         /* 0 */
    struct stentor_text event; /* its name; size 0: none */
    struct stentor_text data;  /* as published, but that all line ends are LF */
    struct stentor_text key;
};

/* Where a reader of channels stands in the journal. */
struct stentor_cursor {
    uint64_t epoch;    /* of the journal; 0: before its oldest record */
    uint64_t seq;      /* of the last record that was passed, of any channel */
    uint64_t position; /* bytes of the journal before it */
    uint64_t behind;   /* bytes from here to the journal's end */
};

/* From now on STENTOR_APPENDED comes whenever the journal has grown; a call
   asks for one in any case. */
void stentor_follow(struct stentor_brain *brain);

/* The journal's end, as a count of bytes ever appended. */
double stentor_head(struct stentor_brain *brain);

/* Lets the cursor stand where its `epoch` and `seq` say, as they were noted
   earlier, perhaps by another brain. STENTOR_ENOTFOUND: they are of another
   journal; it stands before the oldest record. */
int stentor_seek(struct stentor_brain *brain, struct stentor_cursor *cursor);

/*
 * The events of the `channels` (64 at most, in rising order) that follow the
 * cursor, in order; moves it, and returns how many: with 0 there may still be
 * more, as `behind` tells. `max`, the room in `entries`, is 2048 or more. Their
 * bytes are valid until the next stentor_read(). STENTOR_EOVERRUN: some were
 * overwritten before they were read; the cursor stands behind the loss.
 */
int stentor_read(struct stentor_brain *brain, struct stentor_cursor *cursor,
                 const uint32_t *channels, uint32_t count,
                 struct stentor_entry *entries, uint32_t max);

/* The id of the record `seq`; `id` has STENTOR_ID_BYTES. */
void stentor_id(struct stentor_brain *brain, uint64_t seq, char *id);

/*
 * What this brain leaves for the next one, whether it is told to go or killed:
 * records under names, replaced as a whole. STENTOR_EFULL: the limit `kept` is
 * reached, the old record stays. STENTOR_ENOTFOUND, STENTOR_EREADONLY (not in
 * charge), STENTOR_EINVALID: no such name, or the record is spoiled.
 */
int stentor_keep_put(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, const char *bytes, uint32_t size);

/* The bytes are valid until the next stentor_keep_get(). */
int stentor_keep_get(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, struct stentor_text *bytes);
int stentor_keep_remove(struct stentor_brain *brain, const char *name,
                        uint32_t name_size);

/* The name in a row of the table, "" if that is empty; NULL past the last. */
const char *stentor_keep_name(struct stentor_brain *brain, uint32_t row);

#endif
