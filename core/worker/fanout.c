/* SPDX-License-Identifier: MIT */
/*
 * begin_pass → serve (slices) → end_pass. At the end of a pass, and only
 * there, those who wait at the fan-out's new position get into step: see
 * stream_own.c for the other side of that seam.
 */
#include "worker/fanout.h"

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "journal/resume.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/socket.h"
#include "worker/stream.h"

/* Streams read on for in a turn: each may cost a copy and a write of
   PORTION_BYTES. */
enum { READY_SLICE = 32 };

/* Goes to the journal's end. */
static void jump(struct fanout *fanout)
{
    CHECK(!fanout->passing && fanout->audiences.count == 0);
    const struct journal *journal = &fanout->worker->journal;
    /* In this order: a seq older than the position is harmless. */
    fanout->seq = journal_newest_seq(journal);
    fanout->position = journal_head(journal);
}

void fanout_init(struct fanout *fanout, struct worker *worker)
{
    uint32_t channels = worker->journal.header->channels_max;
    *fanout = (struct fanout){ .worker = worker };
    audiences_init(&fanout->audiences, channels);
    list_init(&fanout->behind);
    list_init(&fanout->ready);
    list_init(&fanout->waiting);
    list_init(&fanout->dirty);
    batch_init(&fanout->batch, channels);
    portion_init(&fanout->portion);
    told_init(&fanout->told, worker);
    jump(fanout);
}

void fanout_done(struct fanout *fanout)
{
    CHECK(list_is_empty(&fanout->behind) && list_is_empty(&fanout->ready));
    CHECK(list_is_empty(&fanout->waiting));
    told_done(&fanout->told);
    audiences_done(&fanout->audiences);
    batch_done(&fanout->batch);
    buffer_done(&fanout->frames.bytes);
    buffer_done(&fanout->frames.cuts);
    portion_done(&fanout->portion);
    buffer_done(&fanout->bytes);
}

bool fanout_has_news(const struct fanout *fanout)
{
    if (fanout->passing || !list_is_empty(&fanout->ready))
        return true;
    return fanout->audiences.count > 0 &&
           journal_head(&fanout->worker->journal) != fanout->position;
}

void fanout_attend(struct fanout *fanout)
{
    if (fanout->audiences.count == 0 && !fanout->passing)
        jump(fanout);
}

void fanout_place(const struct fanout *fanout, const struct audience *audience,
                  uint64_t *position, uint64_t *seq)
{
    CHECK(fanout->serving != audience);
    bool passed = fanout->passing && !audience->is_dirty;
    *position = passed ? fanout->next_position : fanout->position;
    *seq = passed ? fanout->next_seq : fanout->seq;
}

uint64_t fanout_owed(const struct fanout *fanout,
                     const struct audience *audience)
{
    if (fanout->serving == audience)
        return audience->sent + fanout->frames.bytes.size;
    if (audience->is_dirty)
        return audience->sent + batch_measure(&fanout->batch, audience->wants,
                                              audience->count,
                                              audience->chunked);
    return audience->sent;
}

void fanout_forget(struct fanout *fanout, struct connection *connection)
{
    if (fanout->serving != NULL && fanout->next_member == &connection->member)
        fanout->next_member = connection->member.next;
}

void fanout_leave(struct fanout *fanout, struct audience *audience)
{
    if (audience->streams == 1) { /* the last one */
        if (fanout->serving == audience)
            fanout->serving = NULL;
        list_remove(&audience->dirty);
        audience->is_dirty = false;
    }
    audience_leave(&fanout->audiences, audience);
}

/* Those who have come to where the fan-out now is get into step; those it has
   overtaken read on. */
static void release_waiting(struct fanout *fanout)
{
    CHECK(!fanout->passing);
    struct list waiting;
    list_init(&waiting);
    list_append_all(&waiting, &fanout->waiting);
    while (!list_is_empty(&waiting))
        stream_own_settle(LIST_ENTRY(waiting.next, struct connection, member));
}

/*
 * The ring has overtaken the fan-out: this worker was held up for very long.
 * An audience that lost nothing stays in step. The streams of the others go on
 * by themselves from where the fan-out was, and so find out what they lost.
 */
static void skip_overwritten(struct fanout *fanout)
{
    const struct journal *journal = &fanout->worker->journal;
    uint64_t position = fanout->position, seq = fanout->seq;
    struct resume all, resume;
    resume_overrun(journal, NULL, 0, seq, &all);
    for (uint32_t i = 0; i <= fanout->audiences.mask; i++) {
        struct audience *audience = fanout->audiences.buckets[i];
        for (; audience != NULL; audience = audience->next_in_bucket) {
            resume_overrun(journal, audience->wants, audience->count, seq,
                           &resume);
            if (resume.gap == RESUME_NO_GAP)
                continue;
            while (!list_is_empty(&audience->in_step))
                stream_own_send_off(LIST_ENTRY(audience->in_step.next,
                                               struct connection, member),
                                    position, seq);
        }
    }
    CHECK(all.position > position);
    fanout->position = all.position;
    fanout->seq = all.seq;
    release_waiting(fanout);
}

/* All audiences that follow `channel` have something to get. */
static void mark_dirty(struct fanout *fanout, uint32_t channel)
{
    struct list *seats = &fanout->audiences.by_channel[channel];
    for (struct list *link = seats->next; link != seats; link = link->next) {
        struct audience *audience =
            LIST_ENTRY(link, struct audience_seat, link)->audience;
        if (audience->is_dirty)
            continue;
        audience->is_dirty = true;
        list_append(&fanout->dirty, &audience->dirty);
    }
}

static void begin_pass(struct fanout *fanout)
{
    CHECK(!fanout->passing && list_is_empty(&fanout->dirty));
    const struct journal *journal = &fanout->worker->journal;
    struct batch *batch = &fanout->batch;
    uint64_t next = fanout->position;
    batch_clear(batch);
    int got = journal_copy(journal, &next, journal_head(journal),
                           FANOUT_BATCH_BYTES, &batch->bytes);
    if (got == STENTOR_EOVERRUN) {
        batch->bytes.size = 0;
        skip_overwritten(fanout);
        return;
    }
    if (got == 0)
        return;
    FAULT_POINT("fan out: a batch copied");
    fanout->passing = true;
    fanout->next_position = next;
    for (uint32_t at = 0; at < batch->bytes.size;) {
        const struct journal_record *record = batch_record_at(batch, at);
        CHECK(record->channel < fanout->audiences.channels);
        if (!list_is_empty(&fanout->audiences.by_channel[record->channel]) &&
            batch_chain(batch, at))
            mark_dirty(fanout, record->channel);
        fanout->next_seq = record->seq;
        at += record->size;
    }
}

static void end_pass(struct fanout *fanout)
{
    CHECK(fanout->passing && fanout->serving == NULL);
    FAULT_POINT("fan out: all served");
    fanout->position = fanout->next_position;
    fanout->seq = fanout->next_seq;
    fanout->passing = false;
    release_waiting(fanout);
}

/* Takes the next dirty audience and makes its bytes. */
static void start_serving(struct fanout *fanout)
{
    struct audience *audience =
        LIST_ENTRY(fanout->dirty.next, struct audience, dirty);
    CHECK(audience->magic == AUDIENCE_MAGIC && audience->is_dirty);
    list_remove(&audience->dirty);
    audience->is_dirty = false;
    if (list_is_empty(&audience->in_step)) {
        /* Those who are behind are measured against what they would have got
           in step. */
        audience->sent += batch_measure(&fanout->batch, audience->wants,
                                        audience->count, audience->chunked);
        return;
    }
    batch_compose(&fanout->batch, audience->wants, audience->count,
                  audience->chunked, &fanout->frames);
    fanout->serving = audience;
    fanout->next_member = audience->in_step.next;
}

/* A member's socket took only `written` bytes; returns how many events have at
   least begun. */
static uint32_t cut_off(struct fanout *fanout, struct connection *connection,
                        size_t written)
{
    const struct audience *audience = fanout->serving;
    const struct batch_cut *cut = batch_cut_at(&fanout->frames, written);
    const struct journal_record *record =
        batch_record_at(&fanout->batch, cut->at);
    size_t start = cut->end - batch_frame(record, audience->chunked).size;
    uint32_t whole = (uint32_t)(cut - (const struct batch_cut *)(const void *)
                                          fanout->frames.cuts.bytes);
    stream_fall_behind(connection, &(struct stream_cut){
                                       .record = record,
                                       .position = fanout->position + cut->at,
                                       .skip = written - start,
                                       .written = written,
                                       .owed = audience->sent + cut->end,
                                   });
    return whole + (written > start);
}

/* Writes to at most `budget` members; returns how many are left of it. */
static int serve_members(struct fanout *fanout, int budget)
{
    struct audience *audience = fanout->serving;
    struct board_worker *shown = fanout->worker->shown;
    const size_t size = fanout->frames.bytes.size;
    const uint32_t records = batch_count(&fanout->frames);
    const char *bytes = fanout->frames.bytes.bytes;
    uint64_t total = 0, events = 0;
    while (budget > 0 && fanout->next_member != &audience->in_step) {
        struct connection *connection =
            LIST_ENTRY(fanout->next_member, struct connection, member);
        fanout->next_member = fanout->next_member->next;
        __builtin_prefetch(fanout->next_member);
        budget--;
        int written = socket_write(&connection->tcp, bytes, size);
        FAULT_POINT("fan out: one client served");
        if (written >= 0 && (size_t)written == size) {
            connection->wrote = true;
            total += size;
            events += records;
        } else if (written >= 0) {
            total += (size_t)written;
            events += cut_off(fanout, connection, (size_t)written);
        } else {
            connection_close(connection, stream_error_counter(written));
        }
        if (fanout->serving == NULL) /* that was the last of its audience */
            break;
    }
    board_count(shown, COUNTER_bytes_sent, total);
    board_count(shown, COUNTER_events_sent, events);
    return budget;
}

static void serve(struct fanout *fanout)
{
    int budget = FANOUT_SLICE;
    while (budget > 0) {
        if (fanout->serving == NULL) {
            if (list_is_empty(&fanout->dirty)) {
                end_pass(fanout);
                return;
            }
            budget--; /* composing is work as well */
            start_serving(fanout);
            continue;
        }
        budget = serve_members(fanout, budget);
        struct audience *audience = fanout->serving;
        if (audience != NULL && fanout->next_member == &audience->in_step) {
            audience->sent += fanout->frames.bytes.size;
            fanout->serving = NULL;
        }
    }
}

static void read_on(struct fanout *fanout)
{
    for (int i = 0; i < READY_SLICE && !list_is_empty(&fanout->ready); i++)
        stream_catch_up(
            LIST_ENTRY(fanout->ready.next, struct connection, member));
}

bool fanout_turn(struct fanout *fanout)
{
    if (!fanout->passing && fanout->audiences.count > 0)
        begin_pass(fanout);
    if (fanout->passing)
        serve(fanout);
    read_on(fanout);
    told_flush(&fanout->told);
    return fanout_has_news(fanout);
}
