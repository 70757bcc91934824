/* SPDX-License-Identifier: MIT */
#include "kafka/send.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "journal/reader.h"
#include "kafka/library.h"
#include "kafka/message.h"
#include "kafka/topic.h"

enum {
    SEND_TURN_RECORDS = 2000,
    SEND_SCAN_RECORDS = 8192, /* of other channels, for one of ours */
    SEND_TURN_NS = 2000000,   /* the loop has requests to answer as well */
};

enum verdict { SENT, NOT_NOW, NEVER, RESTART };

/* --- what is done leaves --- */

static void count_done(struct sink *sink, const struct window_slot *slot)
{
    CHECK(sink->waiting > 0 && sink->waiting_bytes >= slot->bytes);
    sink->waiting--;
    sink->waiting_bytes -= slot->bytes;
    if (slot->partition >= 0)
        sink->row->acked++;
}

/* The cursor first, then the offset: see sink.c. While records are known from
   the tail, that lie before what is acknowledged now, offsets have to wait. */
static void move_cursor(struct sink *sink, const struct window_slot *slot)
{
    struct ledger_row *row = sink->row;
    if (row->outbox_tail < row->outbox_head &&
        outbox_record(&sink->outbox, row->outbox_tail)->seq == slot->seq) {
        outbox_drop(&sink->outbox);
        FAULT_POINT("sink: dropped");
    } else {
        FAULT_POINT("sink: acknowledged");
        __atomic_store_n(&row->seq, slot->seq + 1, __ATOMIC_RELEASE);
        FAULT_POINT("sink: seq moved");
        __atomic_store_n(&row->position, slot->end, __ATOMIC_RELEASE);
    }
    FAULT_POINT("sink: cursor moved");
    if (slot->partition >= 0 && slot->partition < LEDGER_PARTITIONS_MAX &&
        sink->known_at == sink->known_count)
        __atomic_store_n(&row->offsets[slot->partition], slot->offset + 1,
                         __ATOMIC_RELEASE);
}

static void drop_done(struct sink *sink)
{
    struct window *window = &sink->window;
    while (window_count(window) > 0) {
        const struct window_slot *slot = window_slot(window, window->first);
        if (!slot->done)
            return;
        count_done(sink, slot);
        move_cursor(sink, slot);
        window->first++;
    }
    /* Records of other channels do not hold the cursor back. */
    if (sink->outbox_read == sink->row->outbox_head) {
        sink->row->seq = sink->next_seq;
        sink->row->position = sink->read;
    }
}

/* --- what is sent --- */

/* True if Kafka has it from an earlier life. */
static bool is_known(struct sink *sink, uint64_t seq)
{
    while (sink->known_at < sink->known_count &&
           sink->known[sink->known_at] < seq)
        sink->known_at++;
    return sink->known_at < sink->known_count &&
           sink->known[sink->known_at] == seq;
}

static rd_kafka_resp_err_t produce(struct sink *sink,
                                   const struct journal_record *record)
{
    struct message message;
    message_read(sink->journal, record, &sink->scratch, &message);
    /* Bit 0 tells our messages from those of scripts: topic.c. */
    void *opaque = (void *)(uintptr_t)((sink->window.next - 1) << 1 | 1);
    rd_kafka_topic_t *handle = topic_handle(sink->topic);
    rd_kafka_t *rk = sink->topic->bus->producer->rk;
    if (message.event.size > 0)
        return rd_kafka_producev(
            rk, RD_KAFKA_V_RKT(handle),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)message.value.bytes,
                             message.value.size),
            RD_KAFKA_V_KEY(message.key.bytes, message.key.size),
            RD_KAFKA_V_HEADER("id", message.id.bytes, (ssize_t)message.id.size),
            RD_KAFKA_V_HEADER("event", message.event.bytes,
                              (ssize_t)message.event.size),
            RD_KAFKA_V_TIMESTAMP((int64_t)record->time_ms),
            RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    return rd_kafka_producev(
        rk, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)message.value.bytes,
                         message.value.size),
        RD_KAFKA_V_KEY(message.key.bytes, message.key.size),
        RD_KAFKA_V_HEADER("id", message.id.bytes, (ssize_t)message.id.size),
        RD_KAFKA_V_TIMESTAMP((int64_t)record->time_ms),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

/* Whether the error is this message's own, so that it will never be there. */
static bool is_hopeless(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
           code == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
           code == RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static enum verdict verdict_of(rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return SENT;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        code == RD_KAFKA_RESP_ERR__FATAL) /* the bus hears of it itself */
        return NOT_NOW;
    return is_hopeless(code) ? NEVER : RESTART;
}

static void give_up(struct sink *sink, uint64_t seq, rd_kafka_resp_err_t code)
{
    sink->row->failed++;
    log_error("kafka: topic %s: event %" PRIu64 " of the journal is lost to "
              "Kafka, which will not take it: %s",
              sink->topic->name, seq, rd_kafka_err2str(code));
}

/* One record; `end` is the journal's position behind it, if it is there. */
static enum verdict send_record(struct sink *sink,
                                const struct journal_record *record,
                                uint64_t end)
{
    struct window_slot *slot = window_add(&sink->window);
    slot->seq = record->seq;
    slot->end = end;
    slot->bytes = sink_bytes(sink, record);
    slot->time_ms = record->time_ms;
    slot->partition = -1;
    if (is_known(sink, record->seq)) {
        slot->done = true;
        sink->row->skipped++;
        return SENT;
    }
    if (sink->row->handed_seq < record->seq)
        __atomic_store_n(&sink->row->handed_seq, record->seq, __ATOMIC_RELEASE);
    FAULT_POINT("sink: noted");
    rd_kafka_resp_err_t code = produce(sink, record);
    FAULT_POINT("sink: handed");
    enum verdict verdict = verdict_of(code);
    if (verdict == SENT) {
        sink->outstanding++;
        if (record->seq <= sink->redo_seq)
            sink->row->requeued++;
    } else if (verdict == NEVER) {
        give_up(sink, record->seq, code);
        slot->done = true;
        verdict = SENT;
    } else {
        sink->window.next--;
        if (verdict == RESTART) {
            log_warn("kafka: topic %s: %s", sink->topic->name,
                     rd_kafka_err2str(code));
            sink_restart(sink, false);
        }
    }
    return verdict;
}

/* The next record of ours, or NULL when none was found so far. */
static const struct journal_record *next_record(struct sink *sink,
                                                bool *is_saved)
{
    *is_saved = sink->outbox_read < sink->row->outbox_head;
    if (*is_saved)
        return outbox_record(&sink->outbox, sink->outbox_read);
    const struct journal *journal = sink->journal;
    uint64_t head = journal_head(journal);
    for (int i = 0; sink->read < head && i < SEND_SCAN_RECORDS; i++) {
        const struct journal_record *record =
            (const void *)(journal->ring + sink->read % journal->ring_bytes);
        if (record->seq >= sink->next_seq && sink_owns(sink, record))
            return record;
        sink->read += record->size;
        if (record->seq >= sink->next_seq)
            sink->next_seq = record->seq + 1;
    }
    return NULL;
}

/* Whether the report of the one that is under way has to come first. How many
   may be under way else, librdkafka knows: its queue is limited. */
static bool waits_for_report(struct sink *sink)
{
    if (sink->next_seq > sink->single_seq)
        return false;
    drop_done(sink); /* what was left out gets no report */
    return window_count(&sink->window) > 0;
}

bool send_turn(struct sink *sink)
{
    uint64_t end = uv_hrtime() + SEND_TURN_NS;
    if (topic_handle(sink->topic) == NULL)
        return false;
    for (int i = 0; i < SEND_TURN_RECORDS; i++) {
        bool is_saved;
        if (waits_for_report(sink))
            return false;
        const struct journal_record *record = next_record(sink, &is_saved);
        if (record == NULL)
            break;
        enum verdict verdict =
            send_record(sink, record, is_saved ? 0 : sink->read + record->size);
        if (verdict != SENT)
            return false;
        sink->next_seq = record->seq + 1;
        if (is_saved)
            sink->outbox_read += record->size;
        else
            sink->read += record->size;
        if (i % 64 == 63 && uv_hrtime() > end)
            return true;
    }
    drop_done(sink);
    return sink->outbox_read < sink->row->outbox_head ||
           sink->read < journal_head(sink->journal);
}

/* --- what becomes of it --- */

/* After a reading of the tail the first report of a partition has to follow on
   what was read: else somebody wrote in between, and it may have been what a
   dead producer had left in the broker's socket. */
static void check_end(struct sink *sink, const rd_kafka_message_t *message)
{
    if (sink->ends == NULL ||
        (uint32_t)message->partition >= sink->partition_count)
        return;
    int64_t *expected = &sink->ends[message->partition];
    if (*expected >= 0 && *expected != message->offset) {
        sink->row->possibly_doubled++;
        log_warn("kafka: topic %s: partition %d got records between its "
                 "reading and our first one (offset %" PRId64 ", expected "
                 "%" PRId64 "): if nobody else writes there, events may be "
                 "doubled",
                 sink->topic->name, message->partition, message->offset,
                 *expected);
    }
    *expected = -1;
}

void send_report(struct sink *sink, uint64_t number,
                 const rd_kafka_message_t *message)
{
    const struct window *window = &sink->window;
    CHECK(sink->outstanding > 0);
    sink->outstanding--;
    if (number < window->first || number >= window->next)
        return; /* of a life that is over */
    struct window_slot *slot = window_slot(window, number);
    if (slot->done)
        return;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        check_end(sink, message);
        slot->partition = message->partition;
        slot->offset = message->offset;
    } else if (is_hopeless(message->err) && slot->seq <= sink->single_seq) {
        give_up(sink, slot->seq, message->err);
    } else {
        /* A broker refuses whole batches: only alone is a record to blame. */
        if (is_hopeless(message->err))
            sink->single_seq = sink->row->handed_seq;
        log_warn("kafka: topic %s: %s: it is sent again", sink->topic->name,
                 rd_kafka_err2str(message->err));
        sink_restart(sink, false);
        return;
    }
    slot->done = true;
    if (number == window->first)
        drop_done(sink);
}
