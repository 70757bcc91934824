/* SPDX-License-Identifier: MIT */
#include "worker/move_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "supervisor/control.h"
#include "worker/connection.h"
#include "worker/lagging.h"
#include "worker/origin.h"
#include "worker/process.h"
#include "worker/reading.h"
#include "worker/stream.h"
#include "worker/stream_own.h"

_Static_assert(MOVE_BATCH_MAX + 1 <= CONTROL_FDS_MAX, "a batch is one packet");

void move_batch_done(struct move_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->fds[i] >= 0)
            close(batch->fds[i]);
    batch->count = 0;
    buffer_done(&batch->bytes);
}

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* --- from a connection ---------------------------------------------------- */

static void describe_in_step(const struct connection *connection,
                             struct move_client *client)
{
    const struct fanout *fanout = &connection_worker(connection)->fanout;
    client->sent = connection->sent + connection->audience->sent;
    if (fanout->serving == connection->audience) {
        client->position = fanout->next_position;
        client->seq = fanout->next_seq;
        client->sent += fanout->frames.bytes.size;
    } else {
        fanout_place(fanout, connection->audience, &client->position,
                     &client->seq);
    }
    client->sure_seq = client->seq;
    client->since_ms = clock_unix_ms();
}

/* `*unsent` is what it has on its way. */
static void describe_own(const struct connection *connection,
                         struct move_client *client, const char **unsent)
{
    const struct stream_own *own = connection->own;
    size_t left = own->pending_size;
    if (own->writing)
        left = uv_stream_get_write_queue_size((const void *)&connection->tcp);
    if (own->pending != NULL) {
        *unsent = own->pending + own->pending_size - left;
        client->unsent_bytes = (uint32_t)left;
        client->sent = own->pending_size - left; /* not counted yet */
    }
    client->sent += connection->sent;
    client->position = own->position;
    client->seq = own->seq;
    client->sure_seq = own->sure_seq;
    client->whole_from = own->whole_from;
    client->since_ms = own->since_ms;
    client->unread = lagging_unread(connection);
    if (own->wants != NULL)
        client->flags |= MOVE_CATCHES_UP;
}

static void add_part(struct buffer *to, struct text part)
{
    static const char nothing[8];
    if (part.size > 0)
        buffer_add(to, part.bytes, part.size);
    buffer_add(to, nothing, padded(part.size) - part.size);
}

/* Of any connection. */
static struct move_client begin(const struct connection *connection)
{
    const struct address *behind = origin_behind(connection);
    struct move_client client = {
        .flags = (connection->fresh ? MOVE_FRESH : 0) |
                 (connection->proxied ? MOVE_PROXIED : 0),
        .listener = connection->listener,
    };
    if (behind != NULL)
        client.behind = *behind;
    return client;
}

static void add_stream(struct buffer *to, const struct connection *connection)
{
    const struct audience *audience = connection->audience;
    const struct stream_own *own = connection->own;
    struct move_client client = begin(connection);
    client.flags |= MOVE_STREAM | (connection->http_1_0 ? MOVE_HTTP_1_0 : 0) |
                    (connection->tell ? MOVE_TELL : 0) |
                    (connection->was_in_step ? MOVE_WAS_IN_STEP : 0) |
                    (connection->wrote ? MOVE_WROTE : 0);
    client.channel_count = audience->count;
    client.heard = connection->heard;
    client.started = connection->started;
    client.number = connection->number;
    const struct worker *worker = connection_worker(connection);
    struct text policy = text_of(NULL, 0); /* the receiver's own, also later */
    if (connection->policy != POLICY_SERVER)
        policy = policy_text(&worker->policies, connection->policy);
    client.policy_bytes = (uint32_t)policy.size;
    const char *unsent = NULL;
    if (own == NULL)
        describe_in_step(connection, &client);
    else
        describe_own(connection, &client, &unsent);
    buffer_add(to, &client, sizeof client);
    const struct journal_want *wants =
        own != NULL && own->wants != NULL ? own->wants : audience->wants;
    buffer_add(to, wants, audience->count * sizeof *wants);
    add_part(to, text_of(unsent, client.unsent_bytes));
    add_part(to, policy);
}

bool move_batch_add(struct move_batch *batch, struct connection *connection)
{
    CHECK(!move_batch_is_full(batch));
    uv_os_fd_t fd;
    CHECK(uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    if (connection->state == CONNECTION_STREAMING) {
        add_stream(&batch->bytes, connection);
    } else {
        CHECK(connection->state == CONNECTION_IDLE);
        struct move_client client = begin(connection);
        buffer_add(&batch->bytes, &client, sizeof client);
    }
    batch->fds[batch->count++] = copy;
    connection_let_go(connection);
    return true;
}

/* --- through the socket --------------------------------------------------- */

static int write_all(int fd, const struct buffer *bytes)
{
    size_t at = 0;
    while (at < bytes->size) {
        ssize_t written = write(fd, bytes->bytes + at, bytes->size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        at += (size_t)written;
    }
    return 0;
}

int move_batch_send(const struct move_batch *batch, int link)
{
    struct move_batch_head head = { .version = MOVE_VERSION,
                                    .count = batch->count,
                                    .bytes = batch->bytes.size };
    int fds[MOVE_BATCH_MAX + 1];
    fds[0] = memfd_create("stentor: move", MFD_CLOEXEC);
    if (fds[0] < 0)
        return -1;
    memcpy(fds + 1, batch->fds, batch->count * sizeof *fds);
    int result = write_all(fds[0], &batch->bytes);
    if (result == 0)
        result = control_send(link, MOVE_BATCH, &head, sizeof head, fds,
                              batch->count + 1);
    close(fds[0]);
    return result;
}

/* The client at `*at`, and `*at` behind it; NULL if the bytes do not hold it. */
static const struct move_client *next_client(const struct buffer *bytes,
                                             size_t *at)
{
    const struct move_client *client = (const void *)(bytes->bytes + *at);
    size_t left = bytes->size - *at;
    if (left < sizeof *client)
        return NULL;
    size_t size = sizeof *client +
                  client->channel_count * sizeof(struct journal_want) +
                  padded(client->unsent_bytes) + padded(client->policy_bytes);
    if (left < size)
        return NULL;
    *at += size;
    return client;
}

static const struct journal_want *wants_of(const struct move_client *client)
{
    return (const void *)(client + 1);
}

static const char *unsent_of(const struct move_client *client)
{
    return (const char *)(wants_of(client) + client->channel_count);
}

static struct text policy_of(const struct move_client *client)
{
    return text_of(unsent_of(client) + padded(client->unsent_bytes),
                   client->policy_bytes);
}

static bool makes_sense(const struct move_batch *batch)
{
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct move_client *client = next_client(&batch->bytes, &at);
        if (client == NULL ||
            ((client->flags & MOVE_STREAM) != 0) != (client->channel_count > 0))
            return false;
    }
    return at == batch->bytes.size;
}

static bool read_all(int fd, uint64_t size, struct buffer *to)
{
    char *room = buffer_reserve(to, size);
    while (to->size < size) {
        ssize_t got =
            pread(fd, room + to->size, size - to->size, (off_t)to->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to->size += (size_t)got;
    }
    return true;
}

bool move_batch_receive(struct move_batch *batch,
                        const struct control_message *message)
{
    const struct move_batch_head *head = (const void *)message->body;
    *batch = (struct move_batch){ 0 };
    struct stat file;
    bool good =
        message->size == sizeof *head && head->version == MOVE_VERSION &&
        head->count <= MOVE_BATCH_MAX && message->fd_count == head->count + 1 &&
        fstat(message->fds[0], &file) == 0 &&
        (uint64_t)file.st_size == head->bytes &&
        read_all(message->fds[0], head->bytes, &batch->bytes);
    if (good) {
        batch->count = head->count;
        good = makes_sense(batch);
    }
    if (!good) {
        for (uint32_t i = 0; i < message->fd_count; i++)
            close(message->fds[i]);
        batch->count = 0;
        move_batch_done(batch);
        return false;
    }
    close(message->fds[0]);
    memcpy(batch->fds, message->fds + 1, batch->count * sizeof *batch->fds);
    return true;
}

/* --- to a connection ------------------------------------------------------ */

/* A proxy's connection counts for nobody between two requests. */
static void adopt_origin(struct connection *connection,
                         const struct move_client *client)
{
    if (!address_is_none(&client->behind))
        origin_adopt(connection, &client->behind);
    else if ((client->flags & MOVE_PROXIED) == 0)
        origin_adopt(connection, NULL);
    else
        connection->proxied = true;
}

static void adopt_stream(struct connection *connection,
                         const struct move_client *client)
{
    struct worker *worker = connection_worker(connection);
    const struct journal_want *wants = wants_of(client);
    connection->http_1_0 = (client->flags & MOVE_HTTP_1_0) != 0;
    connection->tell = (client->flags & MOVE_TELL) != 0;
    connection->was_in_step = (client->flags & MOVE_WAS_IN_STEP) != 0;
    connection->wrote = (client->flags & MOVE_WROTE) != 0;
    connection->heard = (uint16_t)client->heard;
    connection->started = client->started;
    connection->number = client->number;
    connection->sent = client->sent;
    connection->policy = policy_take(&worker->policies, policy_of(client));
    fanout_attend(&worker->fanout);
    connection->audience =
        audience_join(&worker->fanout.audiences, wants, client->channel_count,
                      !connection->http_1_0);
    /* From here on the brain wakes us for its channels. */
    stream_show(worker, wants, client->channel_count, 1);
    struct stream_own *own =
        stream_own_new(connection, client->position, client->seq);
    own->estimated = true;
    own->sure_seq = client->sure_seq;
    own->whole_from = client->whole_from;
    own->since_ms = client->since_ms;
    own->owed = connection->audience->sent - client->unread;
    if ((client->flags & MOVE_CATCHES_UP) != 0) {
        size_t size = client->channel_count * sizeof *wants;
        own->wants = xmalloc(size);
        memcpy(own->wants, wants, size);
    }
    if (client->unsent_bytes > 0)
        stream_own_keep(own, unsent_of(client), client->unsent_bytes);
    if (connection->tell)
        told_moved(&worker->fanout.told, connection);
}

void move_batch_adopt(struct move_batch *batch, struct worker *worker,
                      struct list *list)
{
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct move_client *client = next_client(&batch->bytes, &at);
        CHECK(client != NULL);
        bool streams = (client->flags & MOVE_STREAM) != 0;
        struct connection *connection =
            connection_new(worker, batch->fds[i],
                           streams ? CONNECTION_STREAMING : CONNECTION_IDLE);
        batch->fds[i] = -1;
        connection->fresh = (client->flags & MOVE_FRESH) != 0;
        connection->listener = (uint8_t)client->listener;
        adopt_origin(connection, client);
        if (streams)
            adopt_stream(connection, client);
        list_append(list, &connection->member);
    }
}

static void start(struct worker *worker, struct connection *connection)
{
    const struct stentor_limits *limits = &worker->plan.limits;
    list_remove(&connection->member);
    reading_start(connection);
    if (connection->state == CONNECTION_STREAMING)
        stream_own_go_on(connection);
    else
        wheel_set(&worker->wheel, &connection->timer,
                  connection->fresh ? limits->head_time_ms
                                    : limits->idle_time_ms);
}

void move_batch_start(struct worker *worker, struct list *list)
{
    while (!list_is_empty(list))
        start(worker, LIST_ENTRY(list->next, struct connection, member));
}

void move_batch_uncount(const struct move_batch *batch,
                        const struct worker *worker)
{
    size_t at = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct move_client *client = next_client(&batch->bytes, &at);
        CHECK(client != NULL);
        if ((client->flags & MOVE_STREAM) != 0)
            stream_show(worker, wants_of(client), client->channel_count, -1);
    }
}
