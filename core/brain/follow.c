/* SPDX-License-Identifier: MIT */
/*
 * Reading channels in order, as those do who must not miss an event, whoever
 * published it and whichever brain was in charge: a cursor on the journal. The
 * records are copied out, so that Lua may publish while it looks at them.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "brain/ffi_lasting.h"
#include "brain/process.h"
#include "journal/event_id.h"
#include "journal/reader.h"
#include "journal/resume.h"

enum {
    FOLLOW_CHANNELS_MAX = 64,
    FOLLOW_BYTES = 65536 /* copied by one call, or one record */
};

void stentor_follow(struct stentor_brain *brain)
{
    brain->inbox.following = true;
    brain->inbox.told_head = UINT64_MAX; /* not to be */
}

double stentor_head(struct stentor_brain *brain)
{
    return (double)journal_head(&brain->journal);
}

static void stand(const struct journal *journal, struct stentor_cursor *cursor,
                  uint64_t position)
{
    struct journal_record next;
    cursor->position = position;
    cursor->behind = journal_head(journal) - position;
    if (cursor->behind == 0)
        cursor->seq = journal_next_seq(journal) - 1;
    else if (journal_peek(journal, position, &next) == 0)
        cursor->seq = next.seq - 1;
}

int stentor_seek(struct stentor_brain *brain, struct stentor_cursor *cursor)
{
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    const struct journal *journal = &brain->journal;
    bool known = cursor->epoch == journal->header->epoch &&
                 cursor->seq < journal_next_seq(journal);
    int code = known || cursor->epoch == 0 ? 0 : STENTOR_ENOTFOUND;
    cursor->epoch = journal->header->epoch;
    if (!known) {
        stand(journal, cursor, journal_tail(journal));
        return code;
    }
    /* If the record behind it is gone it stands before the tail, and the next
       reading judges whether that was a loss. */
    uint64_t seq = cursor->seq;
    stand(journal, cursor, journal_find(journal, seq));
    if (cursor->seq != seq) {
        cursor->seq = seq;
        cursor->position = 0;
    }
    return 0;
}

/* Fills `wants` from the sorted `channels`; false if one is not there. */
static bool want(const struct stentor_brain *brain,
                 const struct stentor_cursor *cursor, const uint32_t *channels,
                 uint32_t count, struct journal_want *wants)
{
    const struct journal *journal = &brain->journal;
    for (uint32_t i = 0; i < count; i++) {
        if (channels[i] >= journal->header->channel_count ||
            (i > 0 && channels[i] <= channels[i - 1]))
            return false;
        wants[i] = (struct journal_want){
            .from_seq = cursor->seq + 1,
            .channel = channels[i],
            .generation = journal->channels[channels[i]].generation,
        };
    }
    return true;
}

/* The rest of a line "name: value" that begins with `name`, or NULL. */
static char *value_of(char *line, const char *name)
{
    size_t size = strlen(name);
    return strncmp(line, name, size) == 0 ? line + size : NULL;
}

/* Joins the frame's data lines, in the copy. */
static void show_frame(char *frame, uint32_t size, struct stentor_entry *entry)
{
    char *end = frame + size, *data = NULL, *to = NULL;
    for (char *line = frame; line < end && *line != '\n';) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        CHECK(stop != NULL); /* we have framed it ourselves */
        char *value = value_of(line, "data: ");
        if (value != NULL && data == NULL) {
            data = value;
            to = stop;
        } else if (value != NULL) {
            *to++ = '\n';
            memmove(to, value, (size_t)(stop - value));
            to += stop - value;
        } else if ((value = value_of(line, "event: ")) != NULL) {
            entry->event =
                (struct stentor_text){ value, (uint32_t)(stop - value) };
        }
        line = stop + 1;
    }
    entry->data = (struct stentor_text){ data, (uint32_t)(to - data) };
}

static void show(struct journal_record *record, struct stentor_entry *entry)
{
    char *frame = (char *)(record + 1);
    memset(entry, 0, sizeof *entry);
    entry->seq = record->seq;
    entry->time_ms = record->time_ms;
    entry->channel = record->channel;
    entry->key =
        (struct stentor_text){ frame + record->frame_bytes, record->key_bytes };
    show_frame(frame + record->chunk_head,
               record->frame_bytes - record->chunk_head - 2u, entry);
}

int stentor_read(struct stentor_brain *brain, struct stentor_cursor *cursor,
                 const uint32_t *channels, uint32_t count,
                 struct stentor_entry *entries, uint32_t max)
{
    struct journal_want wants[FOLLOW_CHANNELS_MAX];
    const struct journal *journal = &brain->journal;
    struct buffer *bytes = &brain->followed;
    if (!brain->in_charge)
        return STENTOR_EREADONLY;
    if (count == 0 || count > FOLLOW_CHANNELS_MAX ||
        max < FOLLOW_BYTES / sizeof(struct journal_record) ||
        !want(brain, cursor, channels, count, wants))
        return STENTOR_EINVALID;
    if (cursor->position < journal_tail(journal)) {
        struct resume resume;
        resume_overrun(journal, wants, count, cursor->seq, &resume);
        stand(journal, cursor, resume.position);
        if (resume.gap != RESUME_NO_GAP)
            return STENTOR_EOVERRUN;
    }
    bytes->size = 0;
    uint64_t position = cursor->position;
    int size = journal_select(journal, wants, count, &position,
                              journal_head(journal), FOLLOW_BYTES, bytes);
    CHECK(size >= 0); /* nobody else writes */
    stand(journal, cursor, position);
    uint32_t found = 0;
    for (size_t at = 0; at < bytes->size; found++) {
        struct journal_record *record = (void *)(bytes->bytes + at);
        CHECK(found < max);
        show(record, &entries[found]);
        at += record->size;
    }
    return (int)found;
}

void stentor_id(struct stentor_brain *brain, uint64_t seq, char *id)
{
    struct event_id text = { .epoch = brain->journal.header->epoch,
                             .seq = seq };
    event_id_format(&text, id);
}
