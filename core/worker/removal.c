/* SPDX-License-Identifier: MIT */
#include "worker/removal.h"

#include <stdlib.h>

#include "base/check.h"
#include "journal/resume.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/stream_own.h"

void removal_init(struct removal *removal)
{
    buffer_init(&removal->channels);
}

void removal_done(struct removal *removal)
{
    buffer_done(&removal->channels);
}

static int compare(const void *left, const void *right)
{
    const struct message_channel *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

void removal_add(struct worker *worker, const struct message_channel *channels,
                 uint32_t count)
{
    struct buffer *all = &worker->removal.channels;
    buffer_add(all, channels, count * sizeof *channels);
    qsort(all->bytes, all->size / sizeof *channels, sizeof *channels, compare);
}

static bool has_lost_one(const struct removal *removal,
                         const struct audience *audience)
{
    size_t size = sizeof(struct message_channel);
    for (uint32_t i = 0; i < audience->count; i++) {
        const struct journal_want *want = &audience->wants[i];
        struct message_channel key = { .number = want->channel };
        const struct message_channel *found =
            bsearch(&key, removal->channels.bytes,
                    removal->channels.size / size, size, compare);
        if (found != NULL && found->generation == want->generation)
            return true;
    }
    return false;
}

/* It stands between two events, at `seq`. */
static void tell(struct connection *connection, uint64_t seq)
{
    struct worker *worker = connection_worker(connection);
    struct resume resume = {
        .seq = seq, .gap = RESUME_REMOVED, .from_seq = seq, .to_seq = seq
    };
    struct buffer bytes;
    buffer_init(&bytes);
    resume_frame_gap(&worker->journal, &resume, !connection->http_1_0, &bytes);
    if (!connection->http_1_0)
        buffer_add_text(&bytes, "0\r\n\r\n");
    uv_buf_t buf = uv_buf_init(bytes.bytes, (unsigned)bytes.size);
    if (uv_try_write((uv_stream_t *)&connection->tcp, &buf, 1) > 0)
        board_count(worker->shown, COUNTER_gaps, 1);
    buffer_done(&bytes);
}

static void end_stream(uv_handle_t *handle, void *data)
{
    struct worker *worker = data;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct connection *connection =
        CHECK_CAST(struct connection, handle->data, CONNECTION_MAGIC);
    if (connection->state != CONNECTION_STREAMING ||
        !has_lost_one(&worker->removal, connection->audience))
        return;
    const struct stream_own *own = connection->own;
    if (own == NULL)
        tell(connection, worker->fanout.seq);
    else if (!own->writing && own->pending == NULL)
        tell(connection, own->seq);
    /* Else it is in mid-event: the client finds out when it comes back. */
    connection_close(connection, COUNTER_closed_removed);
}

void removal_turn(struct worker *worker)
{
    struct buffer *channels = &worker->removal.channels;
    if (channels->size == 0 || worker->fanout.passing || worker->stopping)
        return;
    uv_walk(&worker->loop, end_stream, worker);
    buffer_done(channels);
}
