/* SPDX-License-Identifier: MIT */
/*
 * A brain may die between any two stores, so their order matters:
 *
 *   saving     the copy in the outbox, then the cursor behind the record. In
 *              between the record is in both: sink_init skips it.
 *   reports    the cursor, then the partition's offset. An offset that is too
 *              small means to read a little more than needed, one that is too
 *              great means to miss what is there. So the offset of a record
 *              counts only once the cursor has passed the record, however
 *              early its report came.
 *   sending    handed_seq, then the producer gets the record. Nothing above it
 *              can be in Kafka.
 */
#include "kafka/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "journal/reader.h"
#include "kafka/message.h"
#include "kafka/recover.h"
#include "kafka/send.h"
#include "kafka/topic.h"

enum {
    SINK_WAIT_MS = 1000,     /* after an error */
    SINK_LOOK_RECORDS = 8192 /* for the oldest that waits */
};

static const struct journal_record *record_at(const struct sink *sink,
                                              uint64_t position)
{
    const struct journal *journal = sink->journal;
    return (const void *)(journal->ring + position % journal->ring_bytes);
}

bool sink_owns(const struct sink *sink, const struct journal_record *record)
{
    const struct kafka *kafka = sink->topic->bus->kafka;
    return kafka->topic_of[record->channel] == sink->topic->number + 1 &&
           (record->flags & KAFKA_NOT_COPIED) == 0;
}

uint32_t sink_bytes(const struct sink *sink,
                    const struct journal_record *record)
{
    struct text key = message_key(sink->journal, record);
    return (uint32_t)outbox_bytes(record->frame_bytes, key.size);
}

/* --- its beginning --- */

/* The seq of the newest record in the outbox; 0: it is empty. */
static uint64_t newest_saved(const struct sink *sink)
{
    uint64_t position = sink->row->outbox_tail, seq = 0;
    while (position < sink->row->outbox_head) {
        const struct journal_record *record =
            outbox_record(&sink->outbox, position);
        seq = record->seq;
        position += record->size;
    }
    return seq;
}

/* Bus and topic: two clusters may have a topic of one name. */
static struct ledger_row *find_row(struct kafka_topic *topic)
{
    struct kafka *kafka = topic->bus->kafka;
    const struct journal *journal = kafka->journal;
    char name[LEDGER_NAME_BYTES];
    int size =
        snprintf(name, sizeof name, "%s/%s", topic->bus->name, topic->name);
    CHECK(size > 0 && (size_t)size < sizeof name);
    return ledger_row(kafka->ledger, text_of(name, (size_t)size),
                      journal->header->epoch, journal_head(journal),
                      journal_newest_seq(journal) + 1);
}

/* What an earlier brain has left in the row. */
static int load(struct sink *sink, uint64_t bytes_max, char *error)
{
    struct kafka *kafka = sink->topic->bus->kafka;
    int code =
        outbox_open(&sink->outbox, kafka->ledger, sink->row, bytes_max, error);
    if (code != 0)
        return code;
    sink->bytes_max = sink->outbox.mapped;
    uint64_t saved = newest_saved(sink);
    if (saved >= sink->row->seq)
        sink->row->seq = saved + 1;
    sink->redo_seq = sink->row->handed_seq;
    sink->waiting = sink->waiting_bytes = sink->adding_bytes = 0;
    return 0;
}

int sink_init(struct sink *sink, struct kafka_topic *topic, uint64_t bytes_max,
              bool drops, char *error)
{
    struct kafka *kafka = topic->bus->kafka;
    *sink = (struct sink){ .magic = SINK_MAGIC,
                           .topic = topic,
                           .journal = kafka->journal,
                           .drops = drops };
    sink->row = find_row(topic);
    if (sink->row == NULL) {
        snprintf(error, STENTOR_ERROR_BYTES,
                 "the Kafka ledger has no row left: at most %d topics",
                 LEDGER_ROWS);
        return STENTOR_EFULL;
    }
    return load(sink, bytes_max, error);
}

static void count_waiting(struct sink *sink,
                          const struct journal_record *record)
{
    sink->waiting++;
    sink->waiting_bytes += sink_bytes(sink, record);
}

/* To the first record that is neither acknowledged nor under way. */
static void rewind_cursor(struct sink *sink)
{
    struct ledger_row *row = sink->row;
    window_clear(&sink->window);
    sink->outbox_read = row->outbox_tail;
    sink->read = row->position;
    sink->next_seq = row->outbox_tail < row->outbox_head
                         ? outbox_record(&sink->outbox, row->outbox_tail)->seq
                         : row->seq;
}

static void count_saved(struct sink *sink)
{
    uint64_t position = sink->row->outbox_tail;
    while (position < sink->row->outbox_head) {
        const struct journal_record *record =
            outbox_record(&sink->outbox, position);
        count_waiting(sink, record);
        position += record->size;
    }
}

static void count_in_journal(struct sink *sink)
{
    struct ledger_row *row = sink->row;
    uint64_t tail = journal_tail(sink->journal);
    /* What the tail has passed is acknowledged or saved: see sink_save. */
    if (row->position < tail) {
        log_warn("kafka: topic %s: while no channel was copied to it, events "
                 "that may have waited were overwritten",
                 sink->topic->name);
        row->position = tail;
    }
    uint64_t position = row->position;
    while (position < journal_head(sink->journal)) {
        const struct journal_record *record = record_at(sink, position);
        if (record->seq >= row->seq && sink_owns(sink, record))
            count_waiting(sink, record);
        position += record->size;
    }
}

static _Noreturn void give_up(const struct sink *sink, const char *error)
{
    log_error("kafka: topic %s: %s", sink->topic->name, error);
    exit(1); /* the supervisor starts another brain */
}

void sink_start(struct sink *sink)
{
    char error[STENTOR_ERROR_BYTES];
    count_saved(sink);
    count_in_journal(sink);
    /* More waits than a new config allows: there has to be room for it. */
    if (sink->waiting_bytes > sink->bytes_max) {
        outbox_close(&sink->outbox);
        if (load(sink, sink->waiting_bytes, error) != 0)
            give_up(sink, error);
        count_saved(sink);
        count_in_journal(sink);
    }
    rewind_cursor(sink);
    if (sink->waiting > 0)
        log_info("kafka: topic %s: %" PRIu64 " events wait to be sent",
                 sink->topic->name, sink->waiting);
}

void sink_resume(struct sink *sink)
{
    char error[STENTOR_ERROR_BYTES];
    outbox_close(&sink->outbox);
    if (load(sink, sink->bytes_max, error) != 0)
        give_up(sink, error);
    sink_start(sink);
}

/* --- what is published --- */

static void tell_full(struct sink *sink, bool full)
{
    if (sink->full == full)
        return;
    sink->full = full;
    if (!full)
        log_info("kafka: topic %s: the outbox has room again",
                 sink->topic->name);
    else if (sink->drops)
        log_error("kafka: topic %s: the outbox is full (%" PRIu64
                  " events wait): events are dropped from here on",
                  sink->topic->name, sink->waiting);
    else
        log_error("kafka: topic %s: the outbox is full (%" PRIu64
                  " events wait): publishing to its channels is refused",
                  sink->topic->name, sink->waiting);
}

int sink_consider(struct sink *sink, uint64_t bytes)
{
    if (sink->waiting_bytes + sink->adding_bytes + bytes <= sink->bytes_max) {
        sink->adding_bytes += bytes;
        /* Not at the first byte of room: the log would never end. */
        if (sink->waiting_bytes < sink->bytes_max / 4 * 3)
            tell_full(sink, false);
        return 0;
    }
    tell_full(sink, true);
    if (sink->drops)
        sink->row->dropped++;
    else
        sink->row->refused++;
    return STENTOR_EFULL;
}

void sink_withdraw(struct sink *sink)
{
    sink->adding_bytes = 0;
}

void sink_added(struct sink *sink, uint32_t count)
{
    sink->waiting += count;
    sink->waiting_bytes += sink->adding_bytes;
    sink->adding_bytes = 0;
}

void sink_save(struct sink *sink, uint64_t limit)
{
    struct ledger_row *row = sink->row;
    uint64_t head = journal_head(sink->journal);
    while (row->position < limit && row->position < head) {
        const struct journal_record *record = record_at(sink, row->position);
        if (record->seq >= row->seq && sink_owns(sink, record)) {
            bool was_read = record->seq < sink->next_seq;
            /* There is room for all that waits: sink_consider saw to that. */
            CHECK(outbox_add(&sink->outbox, record,
                             message_key(sink->journal, record)) == 0);
            FAULT_POINT("sink: saved");
            if (was_read)
                sink->outbox_read = row->outbox_head;
        }
        row->seq = record->seq + 1;
        FAULT_POINT("sink: passed");
        row->position += record->size;
    }
    if (sink->read < row->position)
        sink->read = row->position;
}

/* --- its restarts --- */

void sink_restart(struct sink *sink, bool new_producer)
{
    uv_loop_t *loop = sink->topic->bus->kafka->loop;
    recover_forget(sink);
    sink->life++;
    sink->asking = false;
    sink->redo_seq = sink->row->handed_seq;
    sink->row->restarts++;
    sink->wait_until = new_producer ? 0 : uv_now(loop) + SINK_WAIT_MS;
    if (new_producer)
        sink->outstanding = 0;
    sink->state = SINK_WAITING;
    rewind_cursor(sink);
}

/* --- the turns --- */

bool sink_turn(struct sink *sink)
{
    uv_loop_t *loop = sink->topic->bus->kafka->loop;
    switch (sink->state) {
    case SINK_WAITING:
        if (uv_now(loop) >= sink->wait_until && sink->outstanding == 0)
            sink->state = SINK_STARTING;
        return false;
    case SINK_STARTING:
        recover_start(sink);
        return false;
    case SINK_READING:
        return false;
    default:
        return send_turn(sink);
    }
}

/* When the first waiting record in the journal was published; `otherwise` if it
   is not among the next ones, most of which are of other channels then. */
static uint64_t first_time_ms(const struct sink *sink, uint64_t otherwise)
{
    uint64_t at = sink->read, head = journal_head(sink->journal);
    for (int i = 0; at < head && i < SINK_LOOK_RECORDS; i++) {
        const struct journal_record *record = record_at(sink, at);
        if (record->seq >= sink->next_seq && sink_owns(sink, record))
            return record->time_ms;
        at += record->size;
    }
    return otherwise;
}

uint64_t sink_oldest_ms(const struct sink *sink, uint64_t now_ms)
{
    const struct ledger_row *row = sink->row;
    uint64_t time_ms;
    if (sink->waiting == 0)
        return 0;
    if (window_count(&sink->window) > 0)
        time_ms = window_slot(&sink->window, sink->window.first)->time_ms;
    else if (row->outbox_tail < row->outbox_head)
        time_ms = outbox_record(&sink->outbox, row->outbox_tail)->time_ms;
    else
        time_ms = first_time_ms(sink, now_ms);
    return now_ms > time_ms ? now_ms - time_ms : 0;
}
