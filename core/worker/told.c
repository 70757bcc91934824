/* SPDX-License-Identifier: MIT */
#include "worker/told.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/memory.h"
#include "journal/event_id.h"
#include "mailbox/bell.h"
#include "mailbox/message.h"
#include "worker/connection.h"
#include "worker/process.h"

enum { RETRY_MS = 100 };

void told_init(struct told *told, struct worker *worker)
{
    *told = (struct told){ .worker = worker };
}

void told_done(struct told *told)
{
    buffer_done(&told->held);
}

static void ring_brain(const struct worker *worker)
{
    bell_ring(worker->brain_bell, &worker->board.header->brain.asleep);
}

static bool post(struct worker *worker, uint32_t type, const void *message,
                 size_t bytes)
{
    void *room = mail_reserve(&worker->mailbox.up, bytes);
    if (room == NULL)
        return false;
    memcpy(room, message, bytes);
    worker->fanout.told.last = mail_send(&worker->mailbox.up, type, bytes);
    return true;
}

/* The brain takes messages without a word to us: so look again soon. */
static void look_again(struct worker *worker)
{
    struct wheel_member *retry = &worker->pending.retry;
    if (list_is_empty(&retry->link) && !worker->stopping)
        wheel_set(&worker->wheel, retry, RETRY_MS);
}

static void hold(struct told *told, uint32_t type, const void *message,
                 size_t bytes)
{
    struct mail mail = { .size = (uint32_t)(sizeof mail + bytes),
                         .type = type };
    if (told->held.size + mail.size > TOLD_BYTES_MAX) {
        told->dropped++;
        return;
    }
    buffer_add(&told->held, &mail, sizeof mail);
    buffer_add(&told->held, message, bytes);
    look_again(told->worker);
}

/* Sends it, or holds it behind what is held already. */
static void tell(struct told *told, uint32_t type, const void *message,
                 size_t bytes)
{
    if (told->held.size == 0 && post(told->worker, type, message, bytes))
        ring_brain(told->worker);
    else
        hold(told, type, message, bytes);
}

bool told_is_quiet(const struct told *told)
{
    uint64_t taken = __atomic_load_n(&told->worker->mailbox.up.words->taken,
                                     __ATOMIC_ACQUIRE);
    return told->held.size == 0 && told->last <= taken;
}

void told_rescue(struct told *told, uint64_t taken)
{
    told->last = 0; /* ordinals begin anew */
    struct mail_ring sent;
    struct buffer later = told->held; /* came after what was sent */
    mail_look_back(&told->worker->mailbox.up, &sent);
    buffer_init(&told->held);
    const struct mail *mail;
    while ((mail = mail_next(&sent)) != NULL)
        if (mail->ordinal > taken && mail->type != MESSAGE_REQUEST)
            hold(told, mail->type, mail + 1, mail->size - sizeof *mail);
    buffer_add(&told->held, later.bytes, later.size);
    buffer_done(&later);
}

void told_flush(struct told *told)
{
    size_t used = 0;
    while (used < told->held.size) {
        struct mail mail;
        memcpy(&mail, told->held.bytes + used, sizeof mail);
        if (!post(told->worker, mail.type,
                  told->held.bytes + used + sizeof mail,
                  mail.size - sizeof mail))
            break;
        used += mail.size;
    }
    if (used > 0) {
        buffer_consume(&told->held, used);
        ring_brain(told->worker);
        if (told->dropped > 0)
            log_error("the brain took no messages: it was not told of the "
                      "beginning or end of %" PRIu64 " streams",
                      told->dropped);
        told->dropped = 0;
    }
    if (told->held.size > 0)
        look_again(told->worker);
    else if (used > 0)
        buffer_done(&told->held);
}

/* Room for a message of `head` bytes with the audience's channels after it;
   `*rest` is where its other parts go. */
static void *begin_message(const struct connection *connection, size_t head,
                           size_t parts, char **rest)
{
    const struct audience *audience = connection->audience;
    size_t numbers = audience->count * sizeof(uint32_t);
    char *message = xcalloc(1, head + numbers + parts);
    for (uint32_t i = 0; i < audience->count; i++)
        memcpy(message + head + i * sizeof(uint32_t),
               &audience->wants[i].channel, sizeof(uint32_t));
    *rest = message + head + numbers;
    return message;
}

static void add_part(char **rest, const char *bytes, size_t size)
{
    memcpy(*rest, bytes, size);
    *rest += size;
}

void told_opened(struct told *told, const struct connection *connection,
                 bool resumed)
{
    char address[64];
    connection_address(connection, address);
    size_t size = strlen(address);
    char *rest;
    struct message_opened *message =
        begin_message(connection, sizeof *message, size, &rest);
    message->request = connection->number;
    message->channel_count = connection->audience->count;
    message->address_bytes = (uint32_t)size;
    message->resumed = resumed;
    add_part(&rest, address, size);
    tell(told, MESSAGE_OPENED, message, (size_t)(rest - (char *)message));
    free(message);
}

void told_moved(struct told *told, const struct connection *connection)
{
    struct message_moved message = { .request = connection->number };
    tell(told, MESSAGE_MOVED, &message, sizeof message);
}

void told_closed(struct told *told, const struct connection *connection,
                 const struct told_end *end)
{
    char address[64], id[EVENT_ID_BYTES + 1] = "";
    connection_address(connection, address);
    if (end->last_seq > 0) {
        struct event_id last = {
            .epoch = told->worker->journal.header->epoch,
            .seq = end->last_seq,
        };
        event_id_format(&last, id);
    }
    size_t sizes[] = { strlen(address), strlen(end->reason), strlen(id) };
    char *rest;
    struct message_closed *message = begin_message(
        connection, sizeof *message, sizes[0] + sizes[1] + sizes[2], &rest);
    message->request = connection->number;
    message->sent_bytes = end->bytes;
    message->channel_count = connection->audience->count;
    message->address_bytes = (uint32_t)sizes[0];
    message->reason_bytes = (uint32_t)sizes[1];
    message->last_id_bytes = (uint32_t)sizes[2];
    message->seconds = end->seconds;
    add_part(&rest, address, sizes[0]);
    add_part(&rest, end->reason, sizes[1]);
    add_part(&rest, id, sizes[2]);
    tell(told, MESSAGE_CLOSED, message, (size_t)(rest - (char *)message));
    free(message);
}
