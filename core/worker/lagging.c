/* SPDX-License-Identifier: MIT */
/*
 * How far a stream is behind is known from two counts: what its audience was
 * sent, and what of that it has got or has on its way. One that never was in
 * step is in a replay as long as it likes, as long as its socket takes bytes.
 */
#include "worker/lagging.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/check.h"
#include "journal/resume.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/stream_own.h"

uint64_t lagging_unread(const struct connection *connection)
{
    if (!connection->was_in_step)
        return 0;
    /* During a pass it may be ahead of its audience's count. */
    int64_t unread =
        (int64_t)(connection->audience->sent - connection->own->owed);
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
    uint64_t now = stream_own_now_ms();
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
    uint64_t now = stream_own_now_ms();
    if (queued != own->queued) {
        own->queued = queued;
        own->moved_ms = now;
    }
    return now > own->moved_ms &&
           now - own->moved_ms > policy->client_lag_time_ms;
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

static bool close_lagging(struct connection *connection, int reason)
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
        skip(connection, to);
    }
    if (own->writing)
        wheel_set(&worker->wheel, &connection->timer, STREAM_OWN_CHECK_MS);
    return false;
}
