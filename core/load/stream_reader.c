/* SPDX-License-Identifier: MIT */
/*
 * The hot path of the load tester: a core must check several million events a
 * second, most of them read in runs of tens of kilobytes. So a line is found
 * with memchr, judged by its first byte, and not looked into any further
 * unless it is a data line.
 */
#include "load/stream_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

/* Streams that end lines with CR alone must not make memchr search the whole
   rest of a large buffer for an LF that is not there, line after line. */
enum { SEARCH_BYTES = 2048 };

void load_stream_reader_init(struct stream_reader *reader,
                             const struct stream_context *context,
                             const struct body *body, bool expects_all)
{
    *reader = (struct stream_reader){ .body = *body,
                                      .back_from_us = reader->back_from_us };
    reader->next = xcalloc(context->lanes + 1, sizeof *reader->next);
    if (expects_all)
        for (uint32_t i = 0; i < context->lanes; i++)
            reader->next[i] = 1;
    if (context->keeps_ids)
        reader->ids = xcalloc(2, sizeof *reader->ids);
}

void load_stream_reader_resume(struct stream_reader *reader,
                               const struct body *body)
{
    CHECK(reader->next != NULL && reader->ids != NULL);
    struct stream_reader old = *reader;
    *reader = (struct stream_reader){ .body = *body,
                                      .ids = old.ids,
                                      .next = old.next,
                                      .missing = old.missing,
                                      .has_event = old.has_event,
                                      .back_from_us = old.back_from_us };
    /* An event that was cut off has not been: neither has its id. */
    reader->ids[1] = reader->ids[0];
}

const struct stream_id *load_stream_reader_id(
    const struct stream_reader *reader)
{
    return reader->ids != NULL && reader->ids[0].size > 0 ? &reader->ids[0]
                                                          : NULL;
}

void load_stream_reader_done(struct stream_reader *reader)
{
    free(reader->next);
    free(reader->ids);
    reader->next = NULL;
    reader->ids = NULL;
}

static void check_order(struct stream_reader *reader, struct load_tally *tally)
{
    uint32_t *next = &reader->next[reader->lane];
    if (reader->number == *next || *next == 0) {
        *next = reader->number + 1;
    } else if (reader->number > *next) {
        reader->missing += reader->number - *next;
        *next = reader->number + 1;
    } else if (reader->missing > 0) {
        reader->missing--;
        tally->reordered++;
    } else {
        tally->duplicated++;
    }
}

static void note_latency(const struct stream_reader *reader,
                         struct load_tally *tally, uint64_t now_us)
{
    if (reader->sent_us < reader->since_us)
        tally->replayed++;
    else
        load_histogram_add(&tally->latency, now_us > reader->sent_us
                                                ? now_us - reader->sent_us
                                                : 0);
}

/* The empty line that ends an event. */
static void end_event(struct stream_reader *reader,
                      const struct stream_context *context, uint64_t now_us)
{
    struct load_tally *tally = context->tally;
    if (reader->is_gap && reader->has_data) {
        tally->gaps++;
    } else if (reader->has_data) {
        tally->events++;
        reader->has_event = true;
        if (reader->back_from_us > 0)
            load_histogram_add(&tally->back, now_us - reader->back_from_us);
        reader->back_from_us = 0;
        if (reader->is_ours) {
            note_latency(reader, tally, now_us);
            check_order(reader, tally);
        } else {
            tally->other++;
        }
    }
    if (reader->ids != NULL)
        reader->ids[0] = reader->ids[1];
    reader->has_data = false;
    reader->is_gap = false;
    reader->is_ours = false;
}

/* An id that is too long to be sent back, or holds a NUL, is none. */
static void take_id(struct stream_id *id, const char *value, size_t size)
{
    if (size > 0 && *value == ' ') {
        value++;
        size--;
    }
    if (memchr(value, '\0', size) != NULL)
        return;
    id->size = size <= sizeof id->bytes ? (uint8_t)size : 0;
    memcpy(id->bytes, value, id->size);
}

static void take_data_line(struct stream_reader *reader,
                           const struct stream_context *context,
                           const char *value, size_t size)
{
    struct payload payload;
    reader->has_data = true;
    if (size > 0 && *value == ' ') {
        value++;
        size--;
    }
    if (reader->is_ours ||
        !load_payload_read(value, size, context->run, &payload) ||
        payload.lane >= context->lanes)
        return;
    reader->is_ours = true;
    reader->lane = payload.lane;
    reader->number = payload.number;
    reader->sent_us = payload.sent_us;
}

/* A line that is not empty, without its end; maybe only its beginning. */
static void take_line(struct stream_reader *reader,
                      const struct stream_context *context, const char *line,
                      size_t size)
{
    if (!reader->is_past_bom) {
        reader->is_past_bom = true;
        if (size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3;
            size -= 3;
        }
    }
    if (size >= 5 && memcmp(line, "data:", 5) == 0) {
        take_data_line(reader, context, line + 5, size - 5);
    } else if (size == 4 && memcmp(line, "data", 4) == 0) {
        reader->has_data = true;
    } else if (size >= 6 && memcmp(line, "event:", 6) == 0) {
        size_t skip = size > 6 && line[6] == ' ' ? 7 : 6;
        reader->is_gap = size - skip == 3 && memcmp(line + skip, "gap", 3) == 0;
    } else if (reader->ids != NULL && size >= 3 &&
               memcmp(line, "id:", 3) == 0) {
        take_id(&reader->ids[1], line + 3, size - 3);
    } else if (reader->ids != NULL && size == 2 && memcmp(line, "id", 2) == 0) {
        reader->ids[1].size = 0;
    }
}

/* Keeps the beginning of a line whose end has not come yet. */
static void hold(struct stream_reader *reader, const char *bytes, size_t size)
{
    size_t room = sizeof reader->line - reader->held;
    if (size > room)
        size = room;
    memcpy(reader->line + reader->held, bytes, size);
    reader->held = (uint16_t)(reader->held + size);
}

static const char *find_line_end(const char *at, const char *end, bool has_cr)
{
    if (!has_cr)
        return memchr(at, '\n', (size_t)(end - at));
    while (at < end) {
        size_t window = (size_t)(end - at);
        if (window > SEARCH_BYTES)
            window = SEARCH_BYTES;
        const char *lf = memchr(at, '\n', window);
        const char *limit = lf != NULL ? lf : at + window;
        const char *cr = memchr(at, '\r', (size_t)(limit - at));
        if (cr != NULL || lf != NULL)
            return cr != NULL ? cr : lf;
        at = limit;
    }
    return NULL;
}

static void feed_lines(struct stream_reader *reader,
                       const struct stream_context *context, const char *at,
                       const char *end, uint64_t now_us)
{
    /* Nearly all servers end lines with LF alone. */
    bool has_cr = memchr(at, '\r', (size_t)(end - at)) != NULL;
    while (at < end) {
        if (reader->after_cr) {
            reader->after_cr = false;
            if (*at == '\n') {
                at++;
                continue;
            }
        }
        const char *stop = find_line_end(at, end, has_cr);
        if (stop == NULL) {
            hold(reader, at, (size_t)(end - at));
            return;
        }
        if (reader->held > 0) {
            hold(reader, at, (size_t)(stop - at));
            take_line(reader, context, reader->line, reader->held);
            reader->held = 0;
        } else if (stop > at) {
            take_line(reader, context, at, (size_t)(stop - at));
        } else {
            end_event(reader, context, now_us);
        }
        reader->after_cr = *stop == '\r';
        at = stop + 1;
    }
}

bool load_stream_reader_feed(struct stream_reader *reader,
                             const struct stream_context *context,
                             const char *bytes, size_t size, uint64_t now_us)
{
    CHECK(reader->next != NULL);
    while (size > 0) {
        const char *run;
        size_t run_size;
        size_t used =
            load_body_take(&reader->body, bytes, size, &run, &run_size);
        if (run_size > 0)
            feed_lines(reader, context, run, run + run_size, now_us);
        if (used == 0)
            break;
        bytes += used;
        size -= used;
    }
    return reader->body.state != BODY_DONE && reader->body.state != BODY_BROKEN;
}

bool load_stream_reader_is_complete(const struct stream_reader *reader,
                                    const struct stream_context *context)
{
    for (uint32_t i = 0; i < context->lanes; i++)
        if (reader->next[i] != 0 &&
            reader->next[i] <= context->shared->accepted[i])
            return false;
    return reader->missing == 0;
}

uint64_t load_stream_reader_lost(const struct stream_reader *reader,
                                 const struct stream_context *context)
{
    uint64_t lost = reader->missing;
    for (uint32_t i = 0; i < context->lanes; i++) {
        uint32_t accepted = context->shared->accepted[i];
        if (reader->next[i] != 0 && reader->next[i] <= accepted)
            lost += accepted - reader->next[i] + 1;
    }
    return lost;
}
