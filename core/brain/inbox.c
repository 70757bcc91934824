/* SPDX-License-Identifier: MIT */
#include "brain/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "brain/process.h"
#include "journal/reader.h"
#include "mailbox/message.h"

/* An outbox of this size means that the worker does not read its answers: it
   gets no more requests decided until it does. */
enum { OUTBOX_BYTES_MAX = 16 * 1024 * 1024 };

void inbox_init(struct inbox *inbox)
{
    memset(inbox, 0, sizeof *inbox);
    inbox->reading = -1;
    buffer_init(&inbox->rescued);
}

void inbox_rescue(struct inbox *inbox, uint32_t worker, struct mail_ring *up)
{
    const struct mail *mail;
    while ((mail = mail_next(up)) != NULL) {
        if (mail->type == MESSAGE_REQUEST)
            continue;
        uint64_t number = worker;
        buffer_add(&inbox->rescued, &number, sizeof number);
        buffer_add(&inbox->rescued, mail, mail->size);
    }
}

void inbox_begin_turn(struct inbox *inbox)
{
    inbox->left = INBOX_TURN_ITEMS;
    inbox->ends_ns = uv_hrtime() + INBOX_TURN_MS * 1000000ULL;
}

static bool peer_has_news(const struct peer *peer)
{
    return peer->outbox.size < OUTBOX_BYTES_MAX &&
           mail_waits(&peer->mailbox.up);
}

static bool has_grown(const struct stentor_brain *brain)
{
    return brain->inbox.following &&
           brain->inbox.told_head != journal_head(&brain->journal);
}

/* While it is being replaced, a brain leaves them to the next one. */
static bool takes_requests(const struct stentor_brain *brain)
{
    return brain->in_charge && !brain->releasing;
}

bool inbox_has_news(const struct stentor_brain *brain)
{
    const struct inbox *inbox = &brain->inbox;
    if (kafka_has_delivery(brain->kafka))
        return true;
    if (inbox->go || inbox->resume || inbox->release || inbox->stop ||
        inbox->timer || inbox->lost != 0 || inbox->status[0] > 0 ||
        inbox->status[1] > 0 || inbox->rescued.size > 0)
        return true;
    if (!takes_requests(brain))
        return false;
    if (has_grown(brain) || sources_have_news(brain))
        return true;
    for (uint32_t i = 0; i < brain->peer_count; i++)
        if (peer_has_news(&brain->peers[i]))
            return true;
    return false;
}

void inbox_release(struct stentor_brain *brain)
{
    struct inbox *inbox = &brain->inbox;
    if (inbox->reading < 0)
        return;
    mail_release(&brain->peers[inbox->reading].mailbox.up);
    inbox->reading = -1;
}

/* The next `size` bytes of a message's variable parts. */
static struct stentor_text part(const char **bytes, uint32_t size)
{
    struct stentor_text text = { size > 0 ? *bytes : NULL, size };
    *bytes += size;
    return text;
}

static void show_request(struct stentor_item *item,
                         const struct message_request *message)
{
    const char *bytes = (const char *)(message + 1);
    item->kind = STENTOR_REQUEST;
    item->ticket = message->request;
    item->method = part(&bytes, message->method_bytes);
    item->path = part(&bytes, message->path_bytes);
    item->query = part(&bytes, message->query_bytes);
    struct stentor_text headers = part(&bytes, message->header_bytes);
    item->headers = (struct stentor_pairs){ headers.bytes, headers.size,
                                            message->header_count };
    item->body = part(&bytes, message->body_bytes);
    item->last_event_id = part(&bytes, message->last_id_bytes);
    item->address = part(&bytes, message->address_bytes);
    item->accepts_stream = message->accepts_stream;
    item->http_minor = message->http_minor;
}

static void show_opened(struct stentor_item *item,
                        const struct message_opened *message)
{
    item->kind = STENTOR_OPENED;
    item->ticket = message->request;
    item->resumed = message->resumed;
    item->channels = (const uint32_t *)(const void *)(message + 1);
    item->channel_count = message->channel_count;
    const char *bytes = (const char *)(item->channels + message->channel_count);
    item->address = part(&bytes, message->address_bytes);
}

static void show_closed(struct stentor_item *item,
                        const struct message_closed *message)
{
    item->kind = STENTOR_CLOSED;
    item->ticket = message->request;
    item->channels = (const uint32_t *)(const void *)(message + 1);
    item->channel_count = message->channel_count;
    item->seconds = message->seconds;
    item->bytes = message->sent_bytes;
    const char *bytes = (const char *)(item->channels + message->channel_count);
    item->address = part(&bytes, message->address_bytes);
    item->reason = part(&bytes, message->reason_bytes);
    item->last_id = part(&bytes, message->last_id_bytes);
}

/* Fills the item from a message of this worker. */
static void show(struct stentor_item *item, uint32_t worker,
                 const struct mail *mail)
{
    switch (mail->type) {
    case MESSAGE_REQUEST:
        show_request(item, (const void *)(mail + 1));
        break;
    case MESSAGE_OPENED:
        show_opened(item, (const void *)(mail + 1));
        break;
    case MESSAGE_CLOSED:
        show_closed(item, (const void *)(mail + 1));
        break;
    case MESSAGE_MOVED:
        item->kind = STENTOR_MOVED;
        item->ticket = ((const struct message_moved *)(mail + 1))->request;
        item->worker = worker;
        break;
    default:
        CHECK(mail->type == MESSAGE_REQUEST); /* nothing else comes up */
    }
}

/* The next of what dead workers had told. */
static bool take_rescued(struct inbox *inbox)
{
    struct buffer *rescued = &inbox->rescued;
    if (inbox->rescued_used == rescued->size) {
        buffer_done(rescued);
        inbox->rescued_used = 0;
        return false;
    }
    const char *at = rescued->bytes + inbox->rescued_used;
    const struct mail *mail = (const void *)(at + sizeof(uint64_t));
    inbox->rescued_used += sizeof(uint64_t) + mail->size;
    show(&inbox->item, (uint32_t) * (const uint64_t *)(const void *)at, mail);
    return true;
}

/* What became of a record that a script has published. */
static void take_delivery(struct stentor_brain *brain)
{
    struct stentor_item *item = &brain->inbox.item;
    struct kafka_delivery *delivery =
        brain->kafka != NULL ? kafka_take_delivery(brain->kafka) : NULL;
    if (delivery == NULL)
        return;
    item->kind = STENTOR_DELIVERED;
    item->ticket = delivery->ticket;
    item->partition = delivery->partition;
    item->offset = delivery->offset;
    if (delivery->why != NULL)
        item->reason = (struct stentor_text){ delivery->why,
                                              (uint32_t)strlen(delivery->why) };
    free(delivery);
}

/* What did not come from a worker; true if `item` was filled. */
static bool take_own(struct stentor_brain *brain)
{
    struct inbox *inbox = &brain->inbox;
    struct stentor_item *item = &inbox->item;
    if (inbox->go) {
        inbox->go = false;
        item->kind = STENTOR_GO;
    } else if (inbox->resume) {
        inbox->resume = false;
        item->kind = STENTOR_RESUME;
    } else if (inbox->release) {
        inbox->release = false;
        item->kind = STENTOR_RELEASE;
        item->ticket = inbox->drain_ms;
    } else if (inbox->status[0] > 0 || inbox->status[1] > 0) {
        item->kind = STENTOR_STATUS;
        item->ticket = inbox->status[0] == 0;
        inbox->status[item->ticket]--;
    } else if (inbox->rescued.size > 0 && take_rescued(inbox)) {
        return true;
    } else if (inbox->lost != 0) {
        item->kind = STENTOR_LOST;
        item->worker = (uint32_t)__builtin_ctzll(inbox->lost);
        inbox->lost &= inbox->lost - 1;
    } else if (inbox->stop) {
        inbox->stop = false;
        item->kind = STENTOR_STOP;
    } else if (inbox->timer) {
        inbox->timer = false;
        item->kind = STENTOR_TIMER;
    } else {
        take_delivery(brain);
    }
    if (item->kind != 0)
        return true;
    return !brain->releasing && sources_take(brain, item);
}

/* The next message of the workers, in turn; NULL if none waits. */
static const struct stentor_item *next_mail(struct stentor_brain *brain)
{
    struct inbox *inbox = &brain->inbox;
    for (uint32_t i = 0; i < brain->peer_count; i++) {
        uint32_t number = (inbox->next_peer + i) % brain->peer_count;
        struct peer *peer = &brain->peers[number];
        if (!peer_has_news(peer))
            continue;
        const struct mail *mail = mail_next(&peer->mailbox.up);
        CHECK(mail != NULL);
        inbox->reading = (int32_t)number;
        inbox->next_peer = number + 1;
        show(&inbox->item, number, mail);
        FAULT_POINT("take: read");
        /* From here on it counts as run: Lua sees it next. */
        __atomic_store_n(&peer->mailbox.up.words->taken, mail->ordinal,
                         __ATOMIC_RELEASE);
        FAULT_POINT("take: taken");
        return &inbox->item;
    }
    return NULL;
}

const struct stentor_item *stentor_next(struct stentor_brain *brain)
{
    struct inbox *inbox = &brain->inbox;
    inbox_release(brain);
    if (inbox->left == 0)
        return NULL;
    if (uv_hrtime() >= inbox->ends_ns)
        inbox->left = 1;
    inbox->left--;
    memset(&inbox->item, 0, sizeof inbox->item);
    if (take_own(brain))
        return &inbox->item;
    if (!takes_requests(brain))
        return NULL;
    /* Once a turn, when all requests have had theirs or the turn ends. */
    const struct stentor_item *item = inbox->left > 0 ? next_mail(brain) : NULL;
    if (item == NULL && has_grown(brain)) {
        inbox->told_head = journal_head(&brain->journal);
        inbox->left = 0;
        inbox->item.kind = STENTOR_APPENDED;
        item = &inbox->item;
    }
    return item;
}

void stentor_timer(struct stentor_brain *brain, double delay_ms)
{
    brain->inbox.timer = false;
    if (delay_ms < 0)
        uv_timer_stop(&brain->timer);
    else if (delay_ms < 1)
        brain->inbox.timer = true;
    else
        uv_timer_start(&brain->timer, brain->timer.timer_cb, (uint64_t)delay_ms,
                       0);
}
