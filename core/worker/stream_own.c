/* SPDX-License-Identifier: MIT */
/*
 * The seam between a stream of its own and the fan-out. Let P be the stream's
 * position: every record of its channels before P was written to it or is in
 * `pending`, none from P on. It gets into step only here, in get_into_step,
 * and only if P is the fan-out's position, no pass is under way and nothing is
 * pending. The next pass begins at that position and serves all that are in
 * step: so nothing is lost, nothing comes twice and nothing out of order.
 *
 * A stream that has come to the target during a pass, or began at a head that
 * the fan-out has not reached, waits; at the end of each pass it is judged
 * again. Reading never goes beyond the target, so it cannot run away.
 */
#include "worker/stream_own.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "journal/resume.h"
#include "worker/conflation.h"
#include "worker/connection.h"
#include "worker/heartbeat.h"
#include "worker/lagging.h"
#include "worker/process.h"
#include "worker/socket.h"
#include "worker/stream.h"

enum { READ_ROUNDS = 2 };

static struct fanout *fanout_of(const struct connection *connection)
{
    return &connection_worker(connection)->fanout;
}

/* --- life --------------------------------------------------------------- */

struct stream_own *stream_own_new(struct connection *connection,
                                  uint64_t position, uint64_t seq)
{
    CHECK(connection->own == NULL);
    struct stream_own *own = xcalloc(1, sizeof *own);
    own->magic = STREAM_OWN_MAGIC;
    own->position = position;
    own->seq = seq;
    own->sure_seq = seq;
    own->since_ms = clock_unix_ms();
    own->write.data = own;
    connection->own = own;
    return own;
}

static void own_free(struct stream_own *own)
{
    CHECK(own->magic == STREAM_OWN_MAGIC && !own->writing);
    own->magic = 0;
    free(own->wants);
    conflation_release(own->kept);
    free(own->pending);
    free(own);
}

void stream_own_drop(struct connection *connection)
{
    struct stream_own *own = connection->own;
    connection->own = NULL;
    if (own != NULL && !own->writing)
        own_free(own);
}

struct stream_own *stream_own_leave_step(struct connection *connection,
                                         uint64_t position, uint64_t seq,
                                         uint64_t owed)
{
    CHECK(connection->own == NULL && connection->was_in_step);
    fanout_forget(fanout_of(connection), connection);
    list_remove(&connection->member);
    connection->sent += connection->audience->sent;
    struct stream_own *own = stream_own_new(connection, position, seq);
    own->owed = owed;
    return own;
}

void stream_own_send_off(struct connection *connection, uint64_t position,
                         uint64_t seq)
{
    stream_own_leave_step(connection, position, seq,
                          connection->audience->sent);
    list_append(&fanout_of(connection)->ready, &connection->member);
    worker_keep_awake(connection_worker(connection));
}

/* --- reading ------------------------------------------------------------ */

static uint64_t limit_of(const struct connection *connection)
{
    const struct stream_own *own = connection->own;
    uint64_t target = fanout_target(fanout_of(connection));
    return own->whole_from > target ? own->whole_from : target;
}

static const struct journal_want *wants_of(const struct connection *connection)
{
    const struct stream_own *own = connection->own;
    return own->wants != NULL ? own->wants : connection->audience->wants;
}

static void move_to(struct stream_own *own, uint64_t position)
{
    own->position = position;
    if (position >= own->whole_from) {
        free(own->wants);
        own->wants = NULL;
    }
}

/* The ring has overtaken it. */
static void skip_overwritten(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    struct stream_own *own = connection->own;
    struct resume resume;
    resume_overrun(&worker->journal, wants_of(connection),
                   connection->audience->count, own->seq, &resume);
    CHECK(resume.position > own->position);
    own->seq = resume.seq;
    move_to(own, resume.position);
    /* What it owes cannot be counted any more: as if it had just begun. */
    connection->was_in_step = false;
    if (resume.gap == RESUME_NO_GAP)
        return;
    resume_frame_gap(&worker->journal, &resume, connection->audience->chunked,
                     to);
    board_count(worker->shown, COUNTER_gaps, 1);
}

/* Adds the frames of the portion's records. */
static void add_frames(struct connection *connection, struct portion *portion,
                       struct buffer *to)
{
    struct stream_own *own = connection->own;
    const struct journal_record *record;
    portion->frames_at = to->size;
    portion->seq = own->seq;
    for (size_t at = 0; at < portion->records.size; at += record->size) {
        record = (const void *)(portion->records.bytes + at);
        if (record->seq <= own->seq) /* of a portion that is read again */
            continue;
        struct text frame = batch_frame(record, connection->audience->chunked);
        if (portion->events++ == 0 && connection->was_in_step &&
            record->time_ms > own->since_ms)
            own->since_ms = record->time_ms;
        own->seq = record->seq;
        own->owed += frame.size;
        buffer_add(to, frame.bytes, frame.size);
    }
}

static void stop_conflating(struct stream_own *own)
{
    conflation_release(own->kept);
    own->kept = NULL;
}

static int read_portion(struct connection *connection, struct portion *portion,
                        uint64_t limit)
{
    const struct journal *journal = &connection_worker(connection)->journal;
    struct stream_own *own = connection->own;
    if (own->kept != NULL && own->position >= own->kept->limit)
        stop_conflating(own);
    if (own->kept == NULL)
        return portion_read(portion, journal, wants_of(connection),
                            connection->audience->count, own->position, limit);
    int got =
        portion_read_kept(portion, journal, own->kept, own->position, own->seq);
    if (got < 0)
        stop_conflating(own);
    return got;
}

void stream_own_read(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    struct portion *portion = &worker->fanout.portion;
    struct stream_own *own = connection->own;
    CHECK(!own->writing);
    portion->events = 0;
    for (int i = 0; i < READ_ROUNDS; i++) {
        uint64_t limit = limit_of(connection);
        if (own->position >= limit)
            return;
        int got = read_portion(connection, portion, limit);
        if (got == STENTOR_EOVERRUN) {
            skip_overwritten(connection, to);
            continue;
        }
        CHECK(got >= 0);
        add_frames(connection, portion, to);
        move_to(own, portion->next);
        if (got > 0)
            return;
    }
}

/* --- writing ------------------------------------------------------------ */

static void count_sent(struct connection *connection, size_t size)
{
    connection->sent += size;
    connection->wrote = true;
    board_count(connection_worker(connection)->shown, COUNTER_bytes_sent, size);
}

/* All that was pending is in the socket. */
static void go_on(struct connection *connection)
{
    struct stream_own *own = connection->own;
    count_sent(connection, own->pending_size);
    free(own->pending);
    own->pending = NULL;
    own->sure_seq = own->seq;
    if (!connection->was_in_step)
        own->since_ms = clock_unix_ms();
    stream_own_settle(connection);
}

static void on_written(uv_write_t *request, int status)
{
    struct stream_own *own =
        CHECK_CAST(struct stream_own, request->data, STREAM_OWN_MAGIC);
    struct connection *connection =
        CHECK_CAST(struct connection, request->handle->data, CONNECTION_MAGIC);
    own->writing = false;
    if (connection->own != own) /* the stream has ended meanwhile */
        own_free(own);
    else if (status < 0)
        connection_close(connection, stream_error_counter(status));
    else
        go_on(connection);
}

/*
 * Of a portion of which the socket took `written` bytes only the event under
 * way is kept; the rest is read again when that is through, or skipped. Returns
 * where the bytes to keep end.
 */
static size_t forget_unbegun(struct connection *connection, size_t written,
                             size_t size)
{
    struct portion *portion = &fanout_of(connection)->portion;
    struct stream_own *own = connection->own;
    size_t end = portion->frames_at;
    uint64_t seq = portion->seq;
    if (portion->events == 0)
        return size;
    portion->events = 0;
    const struct journal_record *record;
    for (size_t at = 0; at < portion->records.size && end <= written;
         at += record->size) {
        record = (const void *)(portion->records.bytes + at);
        if (record->seq <= portion->seq)
            continue;
        end += batch_frame(record, connection->audience->chunked).size;
        seq = record->seq;
        portion->events++;
    }
    if (seq == own->seq)
        return size;
    own->owed -= size - end;
    own->seq = seq;
    own->position = portion->position;
    return end;
}

void stream_own_keep(struct stream_own *own, const char *bytes, size_t size)
{
    CHECK(!own->writing && own->pending == NULL && size > 0);
    own->pending = xmalloc(size);
    own->pending_size = size;
    memcpy(own->pending, bytes, size);
}

/* Sends what is pending on its way. */
static bool write_pending(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct stream_own *own = connection->own;
    uv_buf_t buf = uv_buf_init(own->pending, (unsigned)own->pending_size);
    int result = uv_write(&own->write, (uv_stream_t *)&connection->tcp, &buf, 1,
                          on_written);
    if (result != 0) {
        connection_close(connection, stream_error_counter(result));
        return false;
    }
    own->writing = true;
    if (!own->patient)
        lagging_be_patient(connection);
    own->patient = true;
    own->queued = 0;
    own->moved_ms = worker_now(worker);
    list_remove(&connection->member);
    list_append(&worker->fanout.behind, &connection->member);
    wheel_set(&worker->wheel, &connection->timer, STREAM_OWN_CHECK_MS);
    return true;
}

bool stream_own_hold(struct connection *connection, const char *bytes,
                     size_t size)
{
    stream_own_keep(connection->own, bytes, size);
    if (!write_pending(connection))
        return false;
    board_count(connection_worker(connection)->shown, COUNTER_fell_behind, 1);
    return true;
}

void stream_own_go_on(struct connection *connection)
{
    if (connection->own->pending != NULL)
        write_pending(connection);
    else
        stream_own_settle(connection);
}

bool stream_own_send(struct connection *connection, const char *bytes,
                     size_t size)
{
    int written = socket_write(&connection->tcp, bytes, size);
    if (written < 0) {
        connection_close(connection, stream_error_counter(written));
        return false;
    }
    if (written > 0)
        count_sent(connection, (size_t)written);
    bool whole = (size_t)written == size;
    if (!whole && connection->was_in_step &&
        worker_policy(connection)->lagging != STENTOR_DISCONNECT)
        size = forget_unbegun(connection, (size_t)written, size);
    board_count(connection_worker(connection)->shown, COUNTER_events_sent,
                fanout_of(connection)->portion.events);
    if (!whole)
        return stream_own_hold(connection, bytes + written,
                               size - (size_t)written);
    connection->own->sure_seq = connection->own->seq;
    return true;
}

/* --- what comes next ---------------------------------------------------- */

static void get_into_step(struct connection *connection)
{
    struct fanout *fanout = fanout_of(connection);
    struct audience *audience = connection->audience;
    const struct stream_own *own = connection->own;
    CHECK(!fanout->passing && !own->writing && own->pending == NULL);
    CHECK(own->position == fanout->position);
    CHECK(own->position >= own->whole_from && own->wants == NULL);
    CHECK(!connection->was_in_step || own->estimated ||
          own->owed == audience->sent);
    list_remove(&connection->member);
    list_append(&audience->in_step, &connection->member);
    connection->sent -= audience->sent;
    stream_own_drop(connection);
    connection->was_in_step = true;
    heartbeat_schedule(connection);
}

void stream_own_settle(struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct fanout *fanout = &worker->fanout;
    const struct stream_own *own = connection->own;
    CHECK(own != NULL && !own->writing);
    list_remove(&connection->member);
    if (own->position < limit_of(connection)) {
        list_append(&fanout->ready, &connection->member);
        worker_keep_awake(worker);
    } else if (fanout->passing || own->position > fanout->position) {
        list_append(&fanout->waiting, &connection->member);
        worker_keep_awake(worker);
    } else {
        get_into_step(connection);
    }
}
