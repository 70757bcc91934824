/* SPDX-License-Identifier: MIT */
/*
 * The answers of the brain: each becomes one message to the worker that holds
 * the request. All headers of all scripts pass through write_headers, the one
 * place where a byte that could forge another header is refused.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "brain/ffi_role.h"
#include "brain/process.h"
#include "brain/role.h"
#include "mailbox/bell.h"
#include "mailbox/message.h"

enum {
    OUTBOX_RETRY_MS = 1,
    STREAM_CHANNELS_MAX = 4096 /* the most that `stream_channels` may be */
};

/* The worker that gave the ticket, or NULL. */
static struct peer *peer_of(struct stentor_brain *brain, uint64_t ticket)
{
    uint64_t number = ticket >> 48;
    return number < brain->peer_count ? &brain->peers[number] : NULL;
}

void peer_ring(struct peer *peer)
{
    bell_ring(peer->bell, &peer->shown->asleep);
}

/* Moves what fits from the outbox into the mailbox. */
static void flush_outbox(struct peer *peer)
{
    struct buffer *outbox = &peer->outbox;
    size_t used = 0;
    while (used < outbox->size) {
        struct mail mail;
        memcpy(&mail, outbox->bytes + used, sizeof mail);
        size_t bytes = mail.size - sizeof mail;
        void *room = mail_reserve(&peer->mailbox.down, bytes);
        if (room == NULL)
            break;
        memcpy(room, outbox->bytes + used + sizeof mail, bytes);
        mail_send(&peer->mailbox.down, mail.type, bytes);
        used += mail.size;
    }
    if (used == 0)
        return;
    buffer_consume(outbox, used);
    if (outbox->size == 0)
        buffer_done(outbox);
    peer_ring(peer);
}

static void on_retry(uv_timer_t *timer)
{
    struct stentor_brain *brain =
        CHECK_CAST(struct stentor_brain, timer->data, BRAIN_MAGIC);

    bool waiting = false;
    for (uint32_t i = 0; i < brain->peer_count; i++) {
        flush_outbox(&brain->peers[i]);
        waiting = waiting || brain->peers[i].outbox.size > 0;
    }
    if (waiting)
        return;
    uv_timer_stop(timer);
    role_release(brain);
}

/* Where to write a message of `bytes`: in the mailbox, or behind what already
   waits in the outbox. */
static char *begin_message(struct peer *peer, uint32_t type, size_t bytes)
{
    if (peer->outbox.size == 0) {
        char *room = mail_reserve(&peer->mailbox.down, bytes);
        if (room != NULL)
            return room;
    }
    struct mail mail = { .size = (uint32_t)(sizeof mail + bytes),
                         .type = type };
    buffer_add(&peer->outbox, &mail, sizeof mail);
    return buffer_reserve(&peer->outbox, bytes);
}

static void end_message(struct stentor_brain *brain, struct peer *peer,
                        uint32_t type, size_t bytes)
{
    if (peer->outbox.size == 0) {
        mail_send(&peer->mailbox.down, type, bytes);
        FAULT_POINT("answer: sent");
        peer_ring(peer);
        FAULT_POINT("answer: rung");
        return;
    }
    peer->outbox.size += bytes;
    if (!uv_is_active((uv_handle_t *)&brain->retry))
        uv_timer_start(&brain->retry, on_retry, OUTBOX_RETRY_MS,
                       OUTBOX_RETRY_MS);
}

/* RFC 9110, section 5.6.2: the bytes of a field name. */
static bool is_token(const char *bytes, size_t size)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < size; i++) {
        char byte = bytes[i];
        bool letter = (byte >= 'a' && byte <= 'z') ||
                      (byte >= 'A' && byte <= 'Z') ||
                      (byte >= '0' && byte <= '9');
        if (!letter && (byte == '\0' || strchr(others, byte) == NULL))
            return false;
    }
    return size > 0;
}

static bool is_value(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

/* Those that the worker writes: two of them would contradict each other. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "connection",        "content-length", "date",   "keep-alive",
        "transfer-encoding", "trailer",        "upgrade"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Checks the pairs and counts the bytes of "Name: value\r\n" for all; or a
   negative code. */
static int64_t check_headers(const struct stentor_pairs *pairs)
{
    const char *bytes = pairs->bytes;
    const char *end = bytes + pairs->size;
    int64_t size = 0;
    for (uint32_t i = 0; i < pairs->count; i++) {
        size_t name = strnlen(bytes, (size_t)(end - bytes));
        const char *value = bytes + name + 1;
        if (value > end)
            return STENTOR_EHEADER;
        size_t length = strnlen(value, (size_t)(end - value));
        if (value + length >= end || !is_token(bytes, name) ||
            !is_value(value, length) || is_ours(bytes))
            return STENTOR_EHEADER;
        size += (int64_t)(name + 2 + length + 2);
        bytes = value + length + 1;
    }
    if (bytes != end) /* a NUL inside a value */
        return STENTOR_EHEADER;
    return size <= MESSAGE_HEADERS_MAX ? size : STENTOR_ETOOBIG;
}

static char *put(char *to, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(to, bytes, size);
    return to + size;
}

static char *put_headers(char *to, const struct stentor_pairs *pairs)
{
    const char *bytes = pairs->bytes;
    for (uint32_t i = 0; i < pairs->count; i++) {
        size_t name = strlen(bytes);
        size_t value = strlen(bytes + name + 1);
        to = put(to, bytes, name);
        to = put(to, ": ", 2);
        to = put(to, bytes + name + 1, value);
        to = put(to, "\r\n", 2);
        bytes += name + 1 + value + 1;
    }
    return to;
}

int stentor_respond(struct stentor_brain *brain, uint64_t ticket,
                    const struct stentor_response *response)
{
    struct peer *peer = peer_of(brain, ticket);
    if (peer == NULL)
        return STENTOR_EGONE;
    if (response->status < 200 || response->status > 599)
        return STENTOR_EINVALID;
    if (response->body.size > brain->plan.limits.response_bytes)
        return STENTOR_ETOOBIG;
    int64_t headers = check_headers(&response->headers);
    if (headers < 0)
        return (int)headers;
    struct message_response message = { .request = ticket,
                                        .status = response->status,
                                        .header_bytes = (uint32_t)headers,
                                        .body_bytes = response->body.size };
    size_t bytes = sizeof message + (size_t)headers + response->body.size;
    char *to = begin_message(peer, MESSAGE_RESPONSE, bytes);
    to = put(to, &message, sizeof message);
    to = put_headers(to, &response->headers);
    put(to, response->body.bytes, response->body.size);
    end_message(brain, peer, MESSAGE_RESPONSE, bytes);
    return 0;
}

static int compare_channels(const void *left, const void *right)
{
    const struct message_channel *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Sorted, each once; returns how many. */
static uint32_t sort_channels(const struct stentor_brain *brain,
                              const struct stentor_stream *stream,
                              struct message_channel *channels)
{
    for (uint32_t i = 0; i < stream->channel_count; i++) {
        uint32_t number = stream->channels[i];
        CHECK(number < brain->journal.header->channel_count);
        channels[i] = (struct message_channel){
            number, brain->journal.channels[number].generation
        };
    }
    if (stream->channel_count < 2)
        return stream->channel_count;
    qsort(channels, stream->channel_count, sizeof *channels, compare_channels);
    uint32_t count = 1;
    for (uint32_t i = 1; i < stream->channel_count; i++)
        if (channels[i].number != channels[count - 1].number)
            channels[count++] = channels[i];
    return count;
}

/* As far as the heartbeat's frame goes. */
static size_t policy_bytes(const struct stentor_policy *policy)
{
    if (policy == NULL)
        return 0;
    CHECK(policy->heartbeat.size <= STENTOR_HEARTBEAT_BYTES);
    return offsetof(struct stentor_policy, heartbeat.frame) +
           policy->heartbeat.size;
}

int stentor_stream(struct stentor_brain *brain, uint64_t ticket,
                   const struct stentor_stream *stream)
{
    struct message_channel channels[STREAM_CHANNELS_MAX];
    struct peer *peer = peer_of(brain, ticket);
    if (peer == NULL)
        return STENTOR_EGONE;
    if (stream->channel_count == 0)
        return STENTOR_EINVALID;
    if (stream->preface.size > brain->plan.limits.response_bytes ||
        stream->channel_count > brain->plan.limits.stream_channels ||
        stream->channel_count > STREAM_CHANNELS_MAX)
        return STENTOR_ETOOBIG;
    int64_t headers = check_headers(&stream->headers);
    if (headers < 0)
        return (int)headers;
    uint32_t count = sort_channels(brain, stream, channels);
    size_t policy = policy_bytes(stream->policy);
    struct message_stream message = {
        .request = ticket,
        .since_value = stream->since_value,
        .since = (uint32_t)stream->since,
        .channel_count = count,
        .header_bytes = (uint32_t)headers,
        .preface_bytes = stream->preface.size,
        .policy_bytes = (uint32_t)policy,
        .retry_ms = stream->retry_ms,
        .tell = (stream->flags & STENTOR_TELL) != 0,
    };
    size_t bytes = sizeof message + count * sizeof *channels + (size_t)headers +
                   stream->preface.size + policy;
    char *to = begin_message(peer, MESSAGE_STREAM, bytes);
    to = put(to, &message, sizeof message);
    to = put(to, channels, count * sizeof *channels);
    to = put_headers(to, &stream->headers);
    to = put(to, stream->preface.bytes, stream->preface.size);
    put(to, stream->policy, policy);
    end_message(brain, peer, MESSAGE_STREAM, bytes);
    return 0;
}

int stentor_later(struct stentor_brain *brain, uint64_t ticket, double delay_ms)
{
    struct peer *peer = peer_of(brain, ticket);
    if (peer == NULL)
        return STENTOR_EGONE;
    double most = 24 * 3600 * 1000.0;
    if (!(delay_ms >= 0))
        delay_ms = 0;
    struct message_later message = {
        .request = ticket,
        .delay_ms = (uint32_t)(delay_ms < most ? delay_ms : most)
    };
    char *to = begin_message(peer, MESSAGE_LATER, sizeof message);
    memcpy(to, &message, sizeof message);
    end_message(brain, peer, MESSAGE_LATER, sizeof message);
    return 0;
}

static void tell_removed(struct stentor_brain *brain, struct peer *peer,
                         const uint32_t *channels, uint32_t count)
{
    struct message_removed message = { .channel_count = count };
    size_t bytes = sizeof message + count * sizeof(struct message_channel);
    char *to = begin_message(peer, MESSAGE_REMOVED, bytes);
    to = put(to, &message, sizeof message);
    for (uint32_t i = 0; i < count; i++) {
        struct message_channel channel = {
            channels[i], brain->journal.channels[channels[i]].generation
        };
        to = put(to, &channel, sizeof channel);
    }
    end_message(brain, peer, MESSAGE_REMOVED, bytes);
}

int stentor_remove(struct stentor_brain *brain, const uint32_t *channels,
                   uint32_t count)
{
    if (!brain->in_charge || count > STENTOR_REMOVED_MAX)
        return STENTOR_EINVALID;
    for (uint32_t i = 0; i < count; i++)
        if (channels[i] >= brain->journal.header->channel_count)
            return STENTOR_ENOTFOUND;
    for (uint32_t i = 0; i < brain->peer_count; i++)
        tell_removed(brain, &brain->peers[i], channels, count);
    return 0;
}
