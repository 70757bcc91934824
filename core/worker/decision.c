/* SPDX-License-Identifier: MIT */
#include "worker/decision.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "journal/channel.h"
#include "mailbox/message.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/reading.h"
#include "worker/request.h"
#include "worker/response.h"
#include "worker/stream.h"

/* The deciding connection whose request is `number`; NULL if it has gone, or
   the answer came too late. */
static struct connection *take(struct worker *worker, uint64_t number)
{
    struct request *request = pending_find(&worker->pending, number);
    if (request == NULL)
        return NULL;
    pending_remove(&worker->pending, request);
    CHECK(request->connection->state == CONNECTION_DECIDING);
    return request->connection;
}

static void apply_response(struct worker *worker,
                           const struct message_response *message)
{
    struct connection *connection = take(worker, message->request);
    if (connection == NULL)
        return;
    const char *headers = (const char *)(message + 1);
    response_send(
        connection, message->status, text_of(headers, message->header_bytes),
        text_of(headers + message->header_bytes, message->body_bytes));
}

/* A channel's row may have been given back since the brain decided, and even
   have gone to another channel. */
static bool channels_are_current(const struct worker *worker,
                                 const struct message_channel *channels,
                                 uint32_t count)
{
    const struct journal *journal = &worker->journal;
    for (uint32_t i = 0; i < count; i++)
        if (channels[i].number >= journal->header->channels_max ||
            !channel_is_current(journal, channels[i].number,
                                channels[i].generation))
            return false;
    return true;
}

/* HEAD of a stream: what GET would begin with, and no stream. */
static void answer_head(struct connection *connection, struct text headers)
{
    struct buffer head;
    buffer_init(&head);
    stream_head(connection, headers, &head);
    if (connection->http_1_0)
        connection->request->keep_alive = false;
    response_send_head(connection, text_of(head.bytes, head.size));
    buffer_done(&head);
}

static void begin_stream(struct worker *worker, struct connection *connection,
                         struct stream_start *start)
{
    struct request *request = connection->request;
    char room[256];
    start->last_id = request_last_id(request, room);
    connection->number = request->number;
    connection->heard = 0;
    /* From here on the stream has the place of the request. What was sent
       ahead is never parsed: a stream is the last on its connection. */
    connection->request = NULL;
    wheel_clear(&worker->wheel, &connection->timer);
    if (connection->paused)
        reading_start(connection);
    stream_begin(connection, start);
    worker_give_request(worker, request);
}

static void apply_stream(struct worker *worker,
                         const struct message_stream *message)
{
    struct connection *connection = take(worker, message->request);
    if (connection == NULL)
        return;
    const struct message_channel *channels = (const void *)(message + 1);
    const char *headers = (const char *)(channels + message->channel_count);
    const char *preface = headers + message->header_bytes;
    struct stream_start start = {
        .message = message,
        .channels = channels,
        .headers = text_of(headers, message->header_bytes),
        .preface = text_of(preface, message->preface_bytes),
        .policy =
            text_of(preface + message->preface_bytes, message->policy_bytes),
    };
    if (connection->request->half_closed)
        connection_close(connection, COUNTER_closed_by_client);
    else if (!channels_are_current(worker, channels, message->channel_count))
        response_later(connection, 503, 0, "the channel has just gone", 0);
    else if (worker->drain.active)
        response_later(connection, 503, drain_retry_ms(worker),
                       "no streams at the moment", 0);
    else if (connection->head_only)
        answer_head(connection, start.headers);
    else
        begin_stream(worker, connection, &start);
}

static void apply_later(struct worker *worker,
                        const struct message_later *message)
{
    struct connection *connection = take(worker, message->request);
    if (connection != NULL)
        response_later(connection, 503, message->delay_ms, "try again later",
                       0);
}

static void apply_removed(struct worker *worker,
                          const struct message_removed *message)
{
    removal_add(worker, (const void *)(message + 1), message->channel_count);
}

static void apply(struct worker *worker, const struct mail *mail)
{
    const void *message = mail + 1;
    switch (mail->type) {
    case MESSAGE_RESPONSE:
        apply_response(worker, message);
        break;
    case MESSAGE_STREAM:
        apply_stream(worker, message);
        break;
    case MESSAGE_LATER:
        apply_later(worker, message);
        break;
    case MESSAGE_REMOVED:
        apply_removed(worker, message);
        break;
    default:
        log_error("the brain sent a message of unknown type %u", mail->type);
    }
}

bool decisions_read(struct worker *worker, uint32_t most)
{
    struct mail_ring *down = &worker->mailbox.down;
    uint64_t before = down->position;
    for (uint32_t i = 0; i < most; i++) {
        const struct mail *mail = mail_next(down);
        if (mail == NULL)
            break;
        apply(worker, mail);
        FAULT_POINT("decide: carried out");
    }
    if (down->position == before)
        return false;
    mail_release(down);
    return mail_waits(down);
}
