/* SPDX-License-Identifier: MIT */
/*
 * How a stream begins and ends. All first bytes go out in one write: the head,
 * a first line (so that proxies and clients see the body begin), the gap event
 * and the preface if there are any, and the first portion of what it is to
 * catch up with.
 */
#include "worker/stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "journal/channel.h"
#include "journal/resume.h"
#include "journal/sse.h"
#include "mailbox/bell.h"
#include "worker/heartbeat.h"
#include "worker/lagging.h"
#include "worker/preface.h"
#include "worker/process.h"
#include "worker/response.h"
#include "worker/stream_own.h"

static const char usual_headers[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream;charset=utf-8\r\n"
    "Cache-Control: no-cache, no-transform\r\n"
    "X-Accel-Buffering: no\r\n";

void stream_head(const struct connection *connection, struct text headers,
                 struct buffer *to)
{
    buffer_add(to, usual_headers, sizeof usual_headers - 1);
    buffer_add(to, headers.bytes, headers.size);
    buffer_add_text(to, "Date: ");
    buffer_add_text(to, response_date(connection_worker(connection)));
    buffer_add_text(to, "\r\n");
    buffer_add_text(to, connection->http_1_0
                            ? "Connection: close\r\n\r\n"
                            : "Connection: keep-alive\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n");
}

/* A word of the board that has only this writer. */
static void add_to_gauge(uint32_t *gauge, int more)
{
    uint32_t value = __atomic_load_n(gauge, __ATOMIC_RELAXED);
    CHECK(more > 0 || value > 0);
    __atomic_store_n(gauge, value + (uint32_t)more, __ATOMIC_RELAXED);
}

void stream_show(const struct worker *worker, const struct journal_want *wants,
                 uint32_t count, int more)
{
    for (uint32_t i = 0; i < count; i++)
        add_to_gauge(&worker->shown->channel_streams[wants[i].channel], more);
    add_to_gauge(&worker->shown->streams, more);
}

static struct journal_want *wants_of(const struct stream_start *start)
{
    uint32_t count = start->message->channel_count;
    struct journal_want *wants = xcalloc(count, sizeof *wants);
    for (uint32_t i = 0; i < count; i++) {
        wants[i].channel = start->channels[i].number;
        wants[i].generation = start->channels[i].generation;
    }
    return wants;
}

/* What precedes the events of the journal, as one chunk. */
static void add_first_bytes(const struct connection *connection,
                            const struct stream_start *start,
                            const struct resume *resume, struct buffer *preface,
                            struct buffer *to)
{
    struct buffer lines;
    buffer_init(&lines);
    if (start->message->retry_ms > 0)
        buffer_add_format(&lines, "retry: %u\n", start->message->retry_ms);
    /* No blank line after it: five common clients would dispatch an event. */
    buffer_add_text(&lines, ":\n");
    if (resume->gap != RESUME_NO_GAP)
        resume_frame_gap(&connection_worker(connection)->journal, resume, false,
                         &lines);
    buffer_add(&lines, preface->bytes, preface->size);
    if (connection->http_1_0)
        buffer_add(to, lines.bytes, lines.size);
    else
        sse_chunk(text_of(lines.bytes, lines.size), to);
    buffer_done(&lines);
}

/* Finds the beginning and fills `to` with all that precedes it. Returns whether
   the stream continues from its id. */
static bool find_beginning(struct connection *connection,
                           const struct stream_start *start,
                           struct journal_want *wants, struct resume *resume,
                           struct buffer *to)
{
    const struct message_stream *message = start->message;
    struct worker *worker = connection_worker(connection);
    const struct journal *journal = &worker->journal;
    uint64_t now_ms = clock_unix_ms();
    bool newcomer = start->last_id.size == 0;
    if (newcomer)
        resume_since(journal, wants, message->channel_count, message->since,
                     message->since_value, now_ms, resume);
    else
        resume_id(journal, wants, message->channel_count, start->last_id,
                  message->since, message->since_value, now_ms, resume);
    struct buffer preface;
    buffer_init(&preface);
    if (start->preface.size > 0 && (newcomer || resume->gap != RESUME_NO_GAP))
        preface_fit(journal, start->preface, wants, message->channel_count,
                    resume, &preface);
    stream_head(connection, start->headers, to);
    add_first_bytes(connection, start, resume, &preface, to);
    buffer_done(&preface);
    if (resume->gap != RESUME_NO_GAP)
        board_count(worker->shown, COUNTER_gaps, 1);
    return !newcomer &&
           (resume->gap == RESUME_NO_GAP || resume->gap == RESUME_EXPIRED);
}

/* Its own policy, or the server's when there are too many of them. */
static uint16_t take_policy(struct worker *worker, struct text wanted)
{
    uint16_t number = policy_take(&worker->policies, wanted);
    if (number == POLICY_SERVER && wanted.size > 0)
        board_count(worker->shown, COUNTER_policies_full, 1);
    return number;
}

/* Makes the connection a stream of its audience, with its place still open. */
static void enter(struct connection *connection,
                  const struct stream_start *start,
                  const struct journal_want *wants)
{
    struct worker *worker = connection_worker(connection);
    CHECK(connection->request == NULL && connection->own == NULL);
    connection_go(connection, CONNECTION_STREAMING);
    connection->tell = start->message->tell != 0;
    connection->was_in_step = false;
    connection->number = start->message->request;
    connection->started = (uint32_t)(worker_now(worker) / WHEEL_TICK_MS);
    connection->sent = 0;
    connection->policy = take_policy(worker, start->policy);
    list_init(&connection->member);
    fanout_attend(&worker->fanout);
    connection->audience =
        audience_join(&worker->fanout.audiences, wants,
                      start->message->channel_count, !connection->http_1_0);
    /* The writer stores head, fences and looks here; so this comes before the
       fence, and the journal is looked at after. */
    stream_show(worker, wants, start->message->channel_count, 1);
    bell_fence();
    if (worker_policy(connection)->lagging != STENTOR_DISCONNECT)
        lagging_bound_socket(connection);
}

/* Whether all its channels' rows are theirs still, now that it is shown to who
   gives rows to others. */
static bool are_current(const struct journal *journal,
                        const struct journal_want *wants, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!channel_is_current(journal, wants[i].channel, wants[i].generation))
            return false;
    return true;
}

void stream_begin(struct connection *connection,
                  const struct stream_start *start)
{
    struct worker *worker = connection_worker(connection);
    struct buffer *to = &worker->fanout.bytes;
    struct journal_want *wants = wants_of(start);
    struct resume resume;
    enter(connection, start, wants);
    bool current =
        are_current(&worker->journal, wants, start->message->channel_count);
    to->size = 0;
    bool resumed = find_beginning(connection, start, wants, &resume, to);
    struct stream_own *own =
        stream_own_new(connection, resume.position, resume.seq);
    own->sure_seq = resumed ? resume.seq : 0;
    /* Read after the floors were found, so no record behind it is below one:
       from here on each one of the channels is wanted. */
    own->whole_from = journal_head(&worker->journal);
    own->wants = wants;
    if (own->position >= own->whole_from) {
        own->wants = NULL;
        free(wants);
    }
    FAULT_POINT("stream: its place found");
    if (!current) { /* it comes back, and is told that the channel has gone */
        connection->tell = false;
        connection_close(connection, COUNTER_closed_removed);
        return;
    }
    board_count(worker->shown, COUNTER_streams_opened, 1);
    board_count(worker->shown, COUNTER_streams_resumed, resumed);
    if (connection->tell)
        told_opened(&worker->fanout.told, connection, resumed);
    stream_own_read(connection, to);
    if (stream_own_send(connection, to->bytes, to->size) && !own->writing)
        stream_own_settle(connection);
}

void stream_catch_up(struct connection *connection)
{
    struct buffer *bytes = &connection_worker(connection)->fanout.bytes;
    struct stream_own *own = connection->own;
    bytes->size = 0;
    if (lagging_enforce(connection, bytes))
        return;
    stream_own_read(connection, bytes);
    if (bytes->size > 0 &&
        !stream_own_send(connection, bytes->bytes, bytes->size))
        return;
    if (!own->writing)
        stream_own_settle(connection);
}

void stream_fall_behind(struct connection *connection,
                        const struct stream_cut *cut)
{
    const struct journal_record *record = cut->record;
    struct text frame = batch_frame(record, connection->audience->chunked);
    CHECK(cut->skip < frame.size);
    struct stream_own *own = stream_own_leave_step(
        connection, cut->position + record->size, record->seq, cut->owed);
    own->sure_seq = record->seq - 1;
    connection->sent += cut->written;
    if (cut->written > 0)
        connection->wrote = true;
    stream_own_hold(connection, frame.bytes + cut->skip,
                    frame.size - cut->skip);
}

void stream_deadline(struct connection *connection)
{
    if (connection->own == NULL)
        heartbeat_beat(connection);
    else
        lagging_enforce(connection, NULL);
}

enum board_counter stream_error_counter(int error)
{
    return error == UV_EPIPE || error == UV_ECONNRESET
               ? COUNTER_closed_by_client
               : COUNTER_closed_error;
}

static const char *reason_word(enum board_counter reason)
{
    switch (reason) {
    case COUNTER_closed_lagged_bytes:
    case COUNTER_closed_lagged_time:
        return "lagged";
    case COUNTER_closed_error:
        return "error";
    case COUNTER_closed_stop:
        return "stopped";
    case COUNTER_closed_removed:
        return "removed";
    default:
        return "closed";
    }
}

/* The last record that it surely got. */
static uint64_t last_seq(const struct connection *connection)
{
    const struct fanout *fanout = &connection_worker(connection)->fanout;
    if (connection->own != NULL)
        return connection->own->sure_seq;
    if (fanout->serving == connection->audience)
        return fanout->seq;
    uint64_t position, seq;
    fanout_place(fanout, connection->audience, &position, &seq);
    return seq;
}

static void tell_end(struct connection *connection, enum board_counter reason)
{
    struct worker *worker = connection_worker(connection);
    uint32_t ticks =
        (uint32_t)(worker_now(worker) / WHEEL_TICK_MS) - connection->started;
    /* To the byte, but for a pass that is just serving this audience. */
    uint64_t in_step = connection->own == NULL ? connection->audience->sent : 0;
    struct told_end end = {
        .reason = reason_word(reason),
        .seconds = ticks / (1000 / WHEEL_TICK_MS),
        .bytes = connection->sent + in_step,
        .last_seq = last_seq(connection),
    };
    told_closed(&worker->fanout.told, connection, &end);
}

void stream_end(struct connection *connection, enum board_counter reason)
{
    struct worker *worker = connection_worker(connection);
    const struct audience *audience = connection->audience;
    board_count(worker->shown, (enum board_counter)reason, 1);
    /* Before the brain is told: it then looks who is left. */
    stream_show(worker, audience->wants, audience->count, -1);
    if (connection->tell)
        tell_end(connection, reason);
    stream_leave(connection);
}

void stream_leave(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct audience *audience = connection->audience;
    CHECK(audience->magic == AUDIENCE_MAGIC);
    if (connection->own == NULL)
        fanout_forget(&worker->fanout, connection);
    list_remove(&connection->member);
    stream_own_drop(connection);
    wheel_clear(&worker->wheel, &connection->timer);
    policy_give(&worker->policies, connection->policy);
    connection->audience = NULL;
    fanout_leave(&worker->fanout, audience);
}
