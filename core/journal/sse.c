/* SPDX-License-Identifier: MIT */
/* An event's size is counted first, then its bytes are written: the HTTP
   chunk's head, which holds the size, stands before them. */
#include "journal/sse.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { SSE_LOOK_BYTES = 256 };

/* Bytes before the first line break. Looked for in short pieces, so that the
   other of the two, far away, does not cost its whole way for each line. */
static size_t line_size(struct text text)
{
    size_t size = 0;
    while (size < text.size) {
        size_t look = text.size - size;
        if (look > SSE_LOOK_BYTES)
            look = SSE_LOOK_BYTES;
        const char *at = text.bytes + size;
        const char *lf = memchr(at, '\n', look);
        const char *cr =
            memchr(at, '\r', lf != NULL ? (size_t)(lf - at) : look);
        if (cr != NULL || lf != NULL)
            return (size_t)((cr != NULL ? cr : lf) - text.bytes);
        size += look;
    }
    return size;
}

/* Takes the first line off `rest`; false when the last one was taken. A text
   that ends with a line break has an empty last line. */
static bool next_line(struct text *rest, bool *more, struct text *line)
{
    if (!*more)
        return false;
    size_t size = line_size(*rest);
    *line = text_of(rest->bytes, size);
    *more = size < rest->size;
    if (!*more)
        return true;
    size_t ending = 1;
    if (rest->bytes[size] == '\r' && size + 1 < rest->size &&
        rest->bytes[size + 1] == '\n')
        ending = 2;
    *rest = text_of(rest->bytes + size + ending, rest->size - size - ending);
    return true;
}

int sse_check_name(struct text name)
{
    for (size_t i = 0; i < name.size; i++) {
        char byte = name.bytes[i];
        if (byte == '\n' || byte == '\r' || byte == '\0')
            return STENTOR_EEVENT;
    }
    return text_equals(name, "gap") ? STENTOR_ERESERVED : 0;
}

static int retry_text(uint32_t retry_ms, char text[16])
{
    return snprintf(text, 16, "%u", retry_ms);
}

size_t sse_size(const struct sse_event *event)
{
    size_t size = 1; /* the blank line */
    if (event->id.size > 0)
        size += sizeof "id: " + event->id.size;
    if (event->name.size > 0)
        size += sizeof "event: " + event->name.size;
    if (event->retry_ms > 0) {
        char digits[16];
        size += sizeof "retry: " + (size_t)retry_text(event->retry_ms, digits);
    }
    struct text rest = event->data, line;
    bool more = true;
    while (next_line(&rest, &more, &line))
        size += sizeof "data: " + line.size; /* NUL's place is LF's */
    return size;
}

static char *add(char *to, const char *bytes, size_t size)
{
    if (size > 0)
        memcpy(to, bytes, size);
    return to + size;
}

static char *add_field(char *to, const char *name, struct text value)
{
    to = add(to, name, strlen(name));
    to = add(to, value.bytes, value.size);
    *to++ = '\n';
    return to;
}

void sse_write(const struct sse_event *event, struct buffer *to)
{
    size_t size = sse_size(event);
    char *place = buffer_reserve(to, size);
    if (event->id.size > 0)
        place = add_field(place, "id: ", event->id);
    if (event->name.size > 0)
        place = add_field(place, "event: ", event->name);
    if (event->retry_ms > 0) {
        char digits[16];
        size_t count = (size_t)retry_text(event->retry_ms, digits);
        place = add_field(place, "retry: ", text_of(digits, count));
    }
    struct text rest = event->data, line;
    bool more = true;
    while (next_line(&rest, &more, &line))
        place = add_field(place, "data: ", line);
    *place = '\n';
    to->size += size;
}

static uint8_t add_chunk_head(size_t size, struct buffer *to)
{
    char head[24];
    int bytes = snprintf(head, sizeof head, "%zx\r\n", size);
    buffer_add(to, head, (size_t)bytes);
    return (uint8_t)bytes;
}

uint8_t sse_frame(const struct sse_event *event, struct buffer *to)
{
    uint8_t head = add_chunk_head(sse_size(event), to);
    sse_write(event, to);
    buffer_add(to, "\r\n", 2);
    return head;
}

void sse_chunk(struct text bytes, struct buffer *to)
{
    if (bytes.size == 0) /* an empty chunk would end the body */
        return;
    add_chunk_head(bytes.size, to);
    buffer_add(to, bytes.bytes, bytes.size);
    buffer_add(to, "\r\n", 2);
}
