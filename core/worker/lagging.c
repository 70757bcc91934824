/* SPDX-License-Identifier: MIT */
/*
 * How far a stream is behind is known from two counts: what its audience was
 * sent, and what of that it has got or has on its way. One that never was in
 * step is in a replay as long as it likes, as long as its socket takes bytes.
 */
#include "worker/lagging.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "base/check.h"
#include "base/clock.h"
#include "journal/resume.h"
#include "worker/conflation.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/stream_own.h"

/* Looked at in one go: a few milliseconds. */
enum { CONFLATE_RECORDS_MAX = 32768 };

uint64_t lagging_unread(const struct connection *connection)
{
    const struct stream_own *own = connection->own;
    if (!connection->was_in_step)
        return 0;
    /* What was conflated cannot be made less; and during a pass it may be ahead
       of its audience's count. */
    uint64_t sent = connection->audience->sent;
    int64_t unread = (int64_t)(sent - own->owed);
    int64_t since_kept = (int64_t)(sent - own->kept_until);
    if (own->kept != NULL && since_kept < unread)
        unread = since_kept;
    return unread > 0 ? (uint64_t)unread : 0;
}

/* Bytes that wait for room in the socket. */
static uint64_t unwritten(const struct connection *connection)
{
    if (!connection->own->writing)
        return 0;
    return uv_stream_get_write_queue_size(
        (const uv_stream_t *)&connection->tcp);
}

static bool is_too_far(const struct connection *connection,
                       const struct stentor_policy *policy)
{
    return connection->was_in_step &&
           lagging_unread(connection) + unwritten(connection) >
               policy->client_lag_bytes;
}

static bool is_too_late(const struct connection *connection,
                        const struct stentor_policy *policy)
{
    const struct stream_own *own = connection->own;
    uint64_t now = clock_unix_ms();
    return (own->writing || lagging_unread(connection) > 0) &&
           now > own->since_ms &&
           now - own->since_ms > policy->client_lag_time_ms;
}

/* Whether its socket has taken nothing for so long that nobody seems to be
   there; a slow client is in no hurry. */
static bool is_stuck(struct connection *connection,
                     const struct stentor_policy *policy)
{
    struct stream_own *own = connection->own;
    uv_os_fd_t fd;
    int unacknowledged = 0;
    if (!own->writing)
        return false;
    if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0)
        ioctl(fd, SIOCOUTQ, &unacknowledged);
    uint64_t queued = unwritten(connection) + (uint64_t)unacknowledged;
    uint64_t now = worker_now(connection_worker(connection));
    if (queued != own->queued) {
        own->queued = queued;
        own->moved_ms = now;
    }
    return now - own->moved_ms > policy->client_lag_time_ms;
}

void lagging_be_patient(const struct connection *connection)
{
    uint32_t time_ms = connection_worker(connection)->plan.limits.ack_time_ms +
                       worker_policy(connection)->client_lag_time_ms;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &time_ms, sizeof time_ms);
}

/* To the newest event of its channels. */
static void skip(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    const struct audience *audience = connection->audience;
    struct stream_own *own = connection->own;
    struct journal_record newest;
    struct resume resume;
    uint64_t target = fanout_target(&worker->fanout);
    CHECK(!own->writing && own->wants == NULL);
    if (!resume_skip(&worker->journal, audience->wants, audience->count,
                     own->seq, target, &resume) ||
        resume.position < own->position ||
        journal_peek(&worker->journal, resume.position, &newest) != 0)
        return;
    uint64_t frame = newest.frame_bytes;
    if (!audience->chunked)
        frame -= newest.chunk_head + 2U;
    own->position = resume.position;
    own->seq = resume.seq;
    own->owed = fanout_owed(&worker->fanout, audience) - frame;
    own->since_ms = newest.time_ms;
    own->estimated = true;
    resume_frame_gap(&worker->journal, &resume, audience->chunked, to);
    board_count(worker->shown, COUNTER_gaps, 1);
    board_count(worker->shown, COUNTER_skipped, 1);
}

/* Where it goes on so that no more than CONFLATE_RECORDS_MAX are looked at; what
   lies before is a gap. False if that was overwritten. */
static bool shorten(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    const struct audience *audience = connection->audience;
    struct stream_own *own = connection->own;
    struct journal_record first;
    struct resume resume;
    uint64_t last = fanout_target_seq(&worker->fanout);
    if (journal_peek(&worker->journal, own->position, &first) != 0)
        return false;
    if (first.seq + CONFLATE_RECORDS_MAX > last)
        return true;
    uint64_t from = journal_find(&worker->journal, last - CONFLATE_RECORDS_MAX);
    if (resume_pass_over(&worker->journal, audience->wants, audience->count,
                         own->seq, from, &resume)) {
        own->seq = resume.seq;
        resume_frame_gap(&worker->journal, &resume, audience->chunked, to);
        board_count(worker->shown, COUNTER_gaps, 1);
    }
    own->position = from;
    return true;
}

/* One for all of its audience that lag now, from its own position to the
   target. */
static void make_conflation(const struct connection *connection)
{
    struct worker *worker = connection_worker(connection);
    struct audience *audience = connection->audience;
    const struct stream_own *own = connection->own;
    struct conflation *made = conflation_new(&(struct conflation_stretch){
        .journal = &worker->journal,
        .wants = audience->wants,
        .want_count = audience->count,
        .chunked = audience->chunked,
        .after_seq = own->seq,
        .position = own->position,
        .limit = fanout_target(&worker->fanout),
        .seed = worker->board.header->seed,
    });
    if (made == NULL)
        return;
    made->sent = fanout_owed(&worker->fanout, audience);
    conflation_release(audience->conflation);
    audience->conflation = made;
}

/* Whether the last one serves this stream too: begins where it stands or
   before, and ends not long ago. */
static bool is_of_use(const struct connection *connection)
{
    const struct stream_own *own = connection->own;
    const struct audience *audience = connection->audience;
    const struct conflation *last = audience->conflation;
    uint64_t near = worker_policy(connection)->client_lag_bytes / 4;
    return last != NULL && last->after_seq <= own->seq &&
           last->limit > own->position && audience->sent <= last->sent + near;
}

/* Of what it missed only the latest of each key is left. */
static void conflate(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    const struct audience *audience = connection->audience;
    struct stream_own *own = connection->own;
    CHECK(!own->writing && own->wants == NULL);
    if (!is_of_use(connection)) {
        if (own->position >= fanout_target(&worker->fanout) ||
            !shorten(connection, to))
            return;
        make_conflation(connection);
        if (!is_of_use(connection)) /* it was overtaken */
            return;
    }
    struct conflation *kept = audience->conflation;
    kept->users++;
    conflation_release(own->kept);
    own->kept = kept;
    own->kept_until = kept->sent;
    own->owed = kept->sent - conflation_bytes(kept, own->seq);
    own->position = conflation_next(kept, own->seq);
    own->since_ms = clock_unix_ms();
    own->estimated = true;
    board_count(worker->shown, COUNTER_conflated,
                conflation_left_out(kept, own->seq));
}

void lagging_bound_socket(const struct connection *connection)
{
    int bytes = FANOUT_BATCH_BYTES;
    uv_os_fd_t fd;
    /* Without it all works, only later. */
    if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

static bool close_lagging(struct connection *connection,
                          enum board_counter reason)
{
    connection_close(connection, reason);
    return true;
}

bool lagging_enforce(struct connection *connection, struct buffer *to)
{
    struct worker *worker = connection_worker(connection);
    const struct stentor_policy *policy = worker_policy(connection);
    const struct stream_own *own = connection->own;
    bool far = is_too_far(connection, policy);
    bool late = is_too_late(connection, policy);
    if (policy->lagging == STENTOR_DISCONNECT) {
        if (far)
            return close_lagging(connection, COUNTER_closed_lagged_bytes);
        if (late && own->writing)
            return close_lagging(connection, COUNTER_closed_lagged_time);
    } else if (is_stuck(connection, policy)) {
        return close_lagging(connection, COUNTER_closed_lagged_time);
    } else if ((far || late) && to != NULL && connection->was_in_step) {
        if (policy->lagging == STENTOR_SKIP)
            skip(connection, to);
        else
            conflate(connection, to);
    }
    if (own->writing)
        wheel_set(&worker->wheel, &connection->timer, STREAM_OWN_CHECK_MS);
    return false;
}
