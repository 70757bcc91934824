/* SPDX-License-Identifier: MIT */
/*
 * A growing run of bytes. The owner of the struct owns the memory and frees it
 * with buffer_done. Pointers into it are valid until the next call that adds.
 */
#ifndef STENTOR_BASE_BUFFER_H
#define STENTOR_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
    char *bytes;     /* NULL while nothing was ever added or reserved */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

void buffer_init(struct buffer *buffer);
void buffer_done(struct buffer *buffer);

/* Makes room for `more` bytes and returns where they go; size is unchanged. */
char *buffer_reserve(struct buffer *buffer, size_t more);

void buffer_add(struct buffer *buffer, const void *bytes, size_t size);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops the first `size` bytes. */
void buffer_consume(struct buffer *buffer, size_t size);

#endif
