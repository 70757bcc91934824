/* SPDX-License-Identifier: MIT */
#include "kafka/message.h"

#include <string.h>

#include "base/check.h"
#include "journal/event_id.h"
#include "journal/reader.h"

/* The value of a line that begins with `name`; moves `rest` behind it. */
static bool take_line(struct text *rest, const char *name, struct text *value)
{
    size_t size = strlen(name);
    if (rest->size < size || memcmp(rest->bytes, name, size) != 0)
        return false;
    const char *start = rest->bytes + size;
    const char *end = memchr(start, '\n', rest->size - size);
    CHECK(end != NULL); /* we have framed it: sse.h */
    *value = text_of(start, (size_t)(end - start));
    rest->size -= (size_t)(end + 1 - rest->bytes);
    rest->bytes = end + 1;
    return true;
}

static struct text take_data(struct text *rest, struct buffer *scratch)
{
    struct text line;
    if (!take_line(rest, "data: ", &line))
        return text_of(NULL, 0);
    if (rest->size == 1) /* the blank line: this was all of it */
        return line;
    scratch->size = 0;
    buffer_add(scratch, line.bytes, line.size);
    while (take_line(rest, "data: ", &line)) {
        buffer_add(scratch, "\n", 1);
        buffer_add(scratch, line.bytes, line.size);
    }
    return text_of(scratch->bytes, scratch->size);
}

struct text message_key(const struct journal *journal,
                        const struct journal_record *record)
{
    const struct journal_channel *channel = &journal->channels[record->channel];
    if (record->key_bytes > 0)
        return text_of(journal_frame(record) + record->frame_bytes,
                       record->key_bytes);
    return text_of(channel->name, channel->name_bytes);
}

void message_read(const struct journal *journal,
                  const struct journal_record *record, struct buffer *scratch,
                  struct message *message)
{
    const char *frame = journal_frame(record);
    /* Without the HTTP chunk's head, and the CRLF at its end. */
    struct text rest = text_of(frame + record->chunk_head,
                               record->frame_bytes - record->chunk_head - 2u);
    struct text retry;
    *message = (struct message){ { 0 }, { 0 }, { 0 }, { 0 } };
    take_line(&rest, "id: ", &message->id);
    take_line(&rest, "event: ", &message->event);
    take_line(&rest, "retry: ", &retry);
    message->value = take_data(&rest, scratch);
    message->key = message_key(journal, record);
}

uint64_t message_seq(uint64_t epoch, struct text id)
{
    struct event_id parsed;
    if (!event_id_parse(id, &parsed) || parsed.epoch != epoch ||
        parsed.source != 0)
        return 0;
    return parsed.seq;
}
