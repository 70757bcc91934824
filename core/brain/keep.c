/* SPDX-License-Identifier: MIT */
/* What a brain leaves for the next one: the shelf, as Lua sees it. */
#include "base/error.h"
#include "brain/ffi_lasting.h"
#include "brain/process.h"

enum { KEPT_BYTES_IDLE = 1 << 20 }; /* of the buffer between two readings */

int stentor_keep_put(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, const char *bytes, uint32_t size)
{
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    return shelf_put(&brain->shelf, text_of(name, name_size),
                     text_of(bytes, size));
}

int stentor_keep_get(struct stentor_brain *brain, const char *name,
                     uint32_t name_size, struct stentor_text *bytes)
{
    struct buffer *kept = &brain->kept;
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    if (kept->capacity > KEPT_BYTES_IDLE)
        buffer_done(kept);
    kept->size = 0;
    int code = shelf_get(&brain->shelf, text_of(name, name_size), kept);
    *bytes = (struct stentor_text){ kept->bytes, (uint32_t)kept->size };
    return code; /* what was put has a size that fits */
}

int stentor_keep_remove(struct stentor_brain *brain, const char *name,
                        uint32_t name_size)
{
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    return shelf_remove(&brain->shelf, text_of(name, name_size));
}

const char *stentor_keep_name(struct stentor_brain *brain, uint32_t row)
{
    return brain->in_charge ? shelf_name(&brain->shelf, row) : NULL;
}
