/* SPDX-License-Identifier: MIT */
/*
 * An event that was framed reads back, by the rules of WHATWG HTML 9.2.6, as
 * what went in: its data with LF for every line end, and its name.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/error.h"
#include "fuzz/input.h"
#include "journal/event_id.h"
#include "journal/sse.h"

struct read_back {
    struct buffer data;
    struct text id, name;
    uint32_t data_lines, retry_lines, events;
};

static struct text value_of(struct text line, const char *name)
{
    size_t size = strlen(name);
    if (line.size < size || memcmp(line.bytes, name, size) != 0)
        return text_of(NULL, 0);
    return text_of(line.bytes + size, line.size - size);
}

static void read_line(struct read_back *back, struct text line)
{
    struct text value;
    if (line.size == 0) {
        back->events++;
    } else if ((value = value_of(line, "data: ")).bytes != NULL) {
        if (back->data_lines++ > 0)
            buffer_add(&back->data, "\n", 1);
        buffer_add(&back->data, value.bytes, value.size);
    } else if ((value = value_of(line, "event: ")).bytes != NULL) {
        back->name = value;
    } else if ((value = value_of(line, "id: ")).bytes != NULL) {
        back->id = value;
    } else {
        CHECK(value_of(line, "retry: ").bytes != NULL);
        back->retry_lines++;
    }
}

static void read_lines(struct read_back *back, struct text bytes)
{
    size_t start = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        CHECK(bytes.bytes[i] != '\r');
        if (bytes.bytes[i] == '\n') {
            read_line(back, text_of(bytes.bytes + start, i - start));
            start = i + 1;
        }
    }
    CHECK(start == bytes.size);
}

/* The data as a browser will hand it out. */
static void normalise(struct text data, struct buffer *to)
{
    for (size_t i = 0; i < data.size; i++) {
        if (data.bytes[i] != '\r')
            buffer_add(to, &data.bytes[i], 1);
        else if (i + 1 == data.size || data.bytes[i + 1] != '\n')
            buffer_add(to, "\n", 1);
    }
}

static bool is_chunk(struct text frame, uint8_t head, size_t size)
{
    char expected[24];
    int bytes = snprintf(expected, sizeof expected, "%zx\r\n", size);
    return bytes == head && frame.size == size + head + 2 &&
           memcmp(frame.bytes, expected, head) == 0 &&
           memcmp(frame.bytes + frame.size - 2, "\r\n", 2) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = { bytes, size };
    char id[EVENT_ID_BYTES + 1];
    event_id_format(&(struct event_id){ .epoch = input_number(&input),
                                        .seq = input_number(&input) },
                    id);
    struct sse_event event = { .id = text_of_string(id),
                               .retry_ms = input_number(&input) };
    event.name = input_text(&input, input_byte(&input));
    event.data = input_text(&input, size);
    int refused = sse_check_name(event.name);
    bool broken = event.name.size > 0 &&
                  (memchr(event.name.bytes, '\n', event.name.size) != NULL ||
                   memchr(event.name.bytes, '\r', event.name.size) != NULL ||
                   memchr(event.name.bytes, 0, event.name.size) != NULL);
    CHECK(broken == (refused == STENTOR_EEVENT));
    CHECK(text_equals(event.name, "gap") == (refused == STENTOR_ERESERVED));
    if (refused != 0)
        return 0;

    struct buffer frame, expected;
    buffer_init(&frame);
    buffer_init(&expected);
    uint8_t head = sse_frame(&event, &frame);
    size_t lines = sse_size(&event);
    CHECK(is_chunk(text_of(frame.bytes, frame.size), head, lines));
    struct read_back back = { 0 };
    buffer_init(&back.data);
    read_lines(&back, text_of(frame.bytes + head, lines));
    normalise(event.data, &expected);
    CHECK(back.events == 1 && back.retry_lines == (event.retry_ms != 0));
    CHECK(text_equals(back.id, id));
    CHECK(back.name.size == event.name.size);
    CHECK(event.name.size == 0 ||
          memcmp(back.name.bytes, event.name.bytes, event.name.size) == 0);
    CHECK(back.data_lines > 0 && back.data.size == expected.size);
    CHECK(expected.size == 0 ||
          memcmp(back.data.bytes, expected.bytes, expected.size) == 0);
    buffer_done(&back.data);
    buffer_done(&expected);
    buffer_done(&frame);
    return 0;
}
