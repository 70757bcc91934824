/* SPDX-License-Identifier: MIT */
#include "load/response_head.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

struct framing {
    bool is_chunked;
    bool has_length;
    uint64_t length;
};

static bool starts(const char *value, size_t size, const char *word)
{
    size_t length = strlen(word);
    return size >= length && strncasecmp(value, word, length) == 0;
}

static bool is_named(const char *line, size_t name_size, const char *name)
{
    return name_size == strlen(name) && strncasecmp(line, name, name_size) == 0;
}

static void read_field(struct response_head *head, struct framing *framing,
                       const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    if (colon == NULL)
        return;
    size_t name_size = (size_t)(colon - line);
    const char *value = colon + 1;
    const char *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t value_size = (size_t)(end - value);

    if (is_named(line, name_size, "content-type")) {
        head->content_type = text_of(value, value_size);
        head->is_event_stream = starts(value, value_size, "text/event-stream");
    } else if (is_named(line, name_size, "content-encoding")) {
        head->encoding = text_of(value, value_size);
        head->is_encoded = !starts(value, value_size, "identity");
    } else if (is_named(line, name_size, "location")) {
        head->location = text_of(value, value_size);
    } else if (is_named(line, name_size, "transfer-encoding")) {
        framing->is_chunked = starts(value, value_size, "chunked");
    } else if (is_named(line, name_size, "connection")) {
        head->is_last = starts(value, value_size, "close");
    } else if (is_named(line, name_size, "content-length")) {
        framing->has_length = value_size > 0 && isdigit((unsigned char)*value);
        framing->length = strtoull(value, NULL, 10);
    }
}

static bool read_status_line(struct response_head *head, const char *line,
                             size_t size)
{
    if (size < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
        return false;
    head->is_last = line[7] == '0';
    head->status = 0;
    for (int i = 9; i < 12; i++) {
        if (!isdigit((unsigned char)line[i]))
            return false;
        head->status = head->status * 10 + (line[i] - '0');
    }
    if (size > 13)
        head->reason = text_of(line + 13, size - 13);
    return true;
}

static void choose_body(struct response_head *head,
                        const struct framing *framing)
{
    if (head->status < 200 || head->status == 204 || head->status == 304) {
        load_body_init_counted(&head->body, 0);
    } else if (framing->is_chunked) {
        load_body_init_chunked(&head->body);
    } else if (framing->has_length) {
        load_body_init_counted(&head->body, framing->length);
    } else {
        load_body_init_until_close(&head->body);
        head->is_last = true;
    }
}

static bool is_interim(const struct response_head *head)
{
    return head->status >= 100 && head->status < 200 && head->status != 101;
}

int load_response_head_read(struct response_head *head, const char *bytes,
                            size_t size)
{
    struct framing framing = { 0 };
    *head = (struct response_head){ 0 };
    size_t at = 0;
    size_t head_at = 0; /* where the head begins that is not an interim one */
    while (at < size) {
        const char *line = bytes + at;
        const char *end = memchr(line, '\n', size - at);
        if (end == NULL)
            break;
        bool is_first = at == head_at;
        size_t line_size = (size_t)(end - line);
        at += line_size + 1;
        if (line_size > 0 && line[line_size - 1] == '\r')
            line_size--;
        if (is_first) {
            if (!read_status_line(head, line, line_size))
                return STENTOR_EINVALID;
        } else if (line_size > 0) {
            read_field(head, &framing, line, line_size);
        } else if (is_interim(head)) {
            *head = (struct response_head){ 0 };
            framing = (struct framing){ 0 };
            head_at = at;
        } else {
            choose_body(head, &framing);
            return (int)at;
        }
    }
    bool is_hopeless = size >= RESPONSE_HEAD_BYTES_MAX ||
                       memcmp(bytes, "HTTP/1.", size < 7 ? size : 7) != 0;
    return is_hopeless ? STENTOR_EINVALID : 0;
}
