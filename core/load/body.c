/* SPDX-License-Identifier: MIT */
#include "load/body.h"

#include <string.h>

void load_body_init_chunked(struct body *body)
{
    *body = (struct body){ .state = BODY_CHUNK_SIZE };
}

void load_body_init_counted(struct body *body, uint64_t length)
{
    *body = (struct body){ .left = length,
                           .state = length > 0 ? BODY_COUNTED : BODY_DONE };
}

void load_body_init_until_close(struct body *body)
{
    *body = (struct body){ .state = BODY_UNTIL_CLOSE };
}

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static void end_of_size_line(struct body *body)
{
    body->state = body->left > 0 ? BODY_CHUNK_DATA : BODY_TRAILER;
    body->digits = 0;
}

static void take_size_byte(struct body *body, char byte)
{
    int value = hex_value(byte);
    if (value >= 0 && body->digits < 15) {
        body->left = body->left * 16 + (uint64_t)value;
        body->digits++;
    } else if (value >= 0 || body->digits == 0) {
        body->state = BODY_BROKEN;
    } else if (byte == '\n') {
        end_of_size_line(body);
    } else if (byte == '\r' || byte == ';' || byte == ' ' || byte == '\t') {
        body->state = BODY_CHUNK_EXTENSION;
    } else {
        body->state = BODY_BROKEN;
    }
}

/* The end of one chunk and the head of the next, as nearly all servers write
   them: whole, and without extensions. Returns the bytes they have, or 0 where
   that is not so and the framing is to be looked at byte by byte. */
static size_t take_plain_head(struct body *body, const char *bytes, size_t size)
{
    size_t at = 0, digits = 0;
    uint64_t left = 0;
    if (body->digits > 0 || size < 2)
        return 0;
    if (body->state == BODY_CHUNK_END && bytes[0] == '\r' && bytes[1] == '\n')
        at = 2;
    else if (body->state != BODY_CHUNK_SIZE)
        return 0;
    for (int value; at < size && digits < 8; at++, digits++) {
        value = hex_value(bytes[at]);
        if (value < 0)
            break;
        left = left * 16 + (uint64_t)value;
    }
    if (left == 0 || at + 2 > size || bytes[at] != '\r' ||
        bytes[at + 1] != '\n')
        return 0;
    body->left = left;
    body->state = BODY_CHUNK_DATA;
    return at + 2;
}

/* One byte of framing; false if it was not consumed. */
static int take_framing_byte(struct body *body, char byte)
{
    switch (body->state) {
    case BODY_CHUNK_SIZE:
        take_size_byte(body, byte);
        break;
    case BODY_CHUNK_EXTENSION:
        if (byte == '\n')
            end_of_size_line(body);
        break;
    case BODY_CHUNK_END:
        if (byte == '\n')
            body->state = BODY_CHUNK_SIZE;
        else if (byte != '\r')
            body->state = BODY_BROKEN;
        break;
    case BODY_TRAILER:
        if (byte == '\n')
            body->state = BODY_DONE;
        else if (byte != '\r')
            body->state = BODY_TRAILER_LINE;
        break;
    case BODY_TRAILER_LINE:
        if (byte == '\n')
            body->state = BODY_TRAILER;
        break;
    default:
        return 0;
    }
    return body->state != BODY_BROKEN;
}

static size_t take_data(struct body *body, const char *bytes, size_t size,
                        const char **run, size_t *run_size)
{
    if (body->state != BODY_UNTIL_CLOSE) {
        if (size > body->left)
            size = (size_t)body->left;
        body->left -= size;
        if (body->left == 0)
            body->state =
                body->state == BODY_COUNTED ? BODY_DONE : BODY_CHUNK_END;
    }
    *run = bytes;
    *run_size = size;
    return size;
}

size_t load_body_take(struct body *body, const char *bytes, size_t size,
                      const char **run, size_t *run_size)
{
    size_t used = take_plain_head(body, bytes, size);
    *run_size = 0;
    while (used < size) {
        if (body->state == BODY_CHUNK_DATA || body->state == BODY_COUNTED ||
            body->state == BODY_UNTIL_CLOSE)
            return used +
                   take_data(body, bytes + used, size - used, run, run_size);
        if (!take_framing_byte(body, bytes[used]))
            break;
        used++;
    }
    return used;
}
