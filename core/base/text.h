/* SPDX-License-Identifier: MIT */
/* A borrowed run of bytes; not NUL-terminated. */
#ifndef STENTOR_BASE_TEXT_H
#define STENTOR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *bytes; /* NULL only if size is 0 */
    size_t size;
};

static inline struct text text_of(const char *bytes, size_t size)
{
    return (struct text){ bytes, size };
}

static inline struct text text_of_string(const char *string)
{
    return (struct text){ string, strlen(string) };
}

static inline bool text_equals(struct text text, const char *string)
{
    return text.size == strlen(string) &&
           (text.size == 0 || memcmp(text.bytes, string, text.size) == 0);
}

#endif
