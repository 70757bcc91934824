/* SPDX-License-Identifier: MIT */
#include "worker/pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/memory.h"
#include "mailbox/bell.h"
#include "mailbox/message.h"
#include "worker/connection.h"
#include "worker/process.h"
#include "worker/request.h"
#include "worker/response.h"

enum { PENDING_BUCKETS = 64, HELD_RETRY_MS = 100 };

void pending_init(struct pending *pending, uint32_t worker_number,
                  uint32_t starts)
{
    memset(pending, 0, sizeof *pending);
    list_init(&pending->held);
    list_init(&pending->sent);
    pending->last_number =
        (uint64_t)worker_number << 48 | (uint64_t)(starts & 0xffff) << 32;
    pending->buckets = xcalloc(PENDING_BUCKETS, sizeof *pending->buckets);
    pending->mask = PENDING_BUCKETS - 1;
    wheel_member_init(&pending->retry);
}

void pending_done(struct pending *pending)
{
    CHECK(pending->count == 0);
    free(pending->buckets);
}

/* --- number → request --------------------------------------------------- */

/* Numbers are given in sequence: their low bits spread by themselves. */
static struct request **bucket_of(const struct pending *pending,
                                  uint64_t number)
{
    return &pending->buckets[number & pending->mask];
}

static void grow(struct pending *pending)
{
    struct request **old = pending->buckets;
    uint32_t count = pending->mask + 1;
    pending->buckets = xcalloc(count * 2, sizeof *pending->buckets);
    pending->mask = count * 2 - 1;
    for (uint32_t i = 0; i < count; i++) {
        while (old[i] != NULL) {
            struct request *request = old[i];
            old[i] = request->next_in_bucket;
            struct request **bucket = bucket_of(pending, request->number);
            request->next_in_bucket = *bucket;
            *bucket = request;
        }
    }
    free(old);
}

struct request *pending_find(struct pending *pending, uint64_t number)
{
    struct request *request = *bucket_of(pending, number);
    while (request != NULL && request->number != number)
        request = request->next_in_bucket;
    return request;
}

static void enter(struct pending *pending, struct request *request)
{
    if (pending->count++ > pending->mask)
        grow(pending);
    request->number = ++pending->last_number;
    struct request **bucket = bucket_of(pending, request->number);
    request->next_in_bucket = *bucket;
    *bucket = request;
}

void pending_remove(struct pending *pending, struct request *request)
{
    if (list_is_empty(&request->waiting))
        return;
    list_remove(&request->waiting);
    struct request **at = bucket_of(pending, request->number);
    while (*at != request) {
        CHECK(*at != NULL);
        at = &(*at)->next_in_bucket;
    }
    *at = request->next_in_bucket;
    request->next_in_bucket = NULL;
    CHECK(pending->count > 0);
    pending->count--;
}

/* --- sending ------------------------------------------------------------ */

static char *put(char *to, struct text part)
{
    if (part.size > 0)
        memcpy(to, part.bytes, part.size);
    return to + part.size;
}

/* The parts of the message, in the order in which they follow it. */
enum {
    PART_METHOD,
    PART_PATH,
    PART_QUERY,
    PART_HEADERS,
    PART_BODY,
    PART_ID,
    PART_ADDRESS,
    PARTS
};

static size_t gather(const struct request *request, char address[64],
                     char id[256], struct text parts[PARTS])
{
    if (address_is_none(&request->from))
        connection_address(request->connection, address);
    else
        address_format(&request->from, address);
    parts[PART_METHOD] = request_method(request);
    parts[PART_PATH] = request_path(request);
    parts[PART_QUERY] = request_query(request);
    parts[PART_HEADERS] =
        text_of(request->headers.bytes, request->headers.size);
    parts[PART_BODY] = text_of(request->body.bytes, request->body.size);
    parts[PART_ID] = request_last_id(request, id);
    parts[PART_ADDRESS] = text_of_string(address);
    size_t bytes = sizeof(struct message_request);
    for (int i = 0; i < PARTS; i++)
        bytes += parts[i].size;
    return bytes;
}

/* Returns false if the mailbox has no room now. */
static bool send_request(struct worker *worker, struct request *request)
{
    struct mail_ring *up = &worker->mailbox.up;
    char address[64];
    char id[256];
    struct text parts[PARTS];
    size_t bytes = gather(request, address, id, parts);
    struct message_request *message = mail_reserve(up, bytes);
    if (message == NULL)
        return false;
    *message = (struct message_request){
        .request = request->number,
        .method_bytes = (uint32_t)parts[PART_METHOD].size,
        .path_bytes = (uint32_t)parts[PART_PATH].size,
        .query_bytes = (uint32_t)parts[PART_QUERY].size,
        .header_bytes = (uint32_t)parts[PART_HEADERS].size,
        .body_bytes = (uint32_t)parts[PART_BODY].size,
        .last_id_bytes = (uint32_t)parts[PART_ID].size,
        .address_bytes = (uint32_t)parts[PART_ADDRESS].size,
        .header_count = request->header_count,
        .accepts_stream = request->accepts_stream,
        .http_minor = request->parser.http_minor,
    };
    char *to = (char *)(message + 1);
    for (int i = 0; i < PARTS; i++)
        to = put(to, parts[i]);
    request->ordinal = mail_send(up, MESSAGE_REQUEST, bytes);
    list_remove(&request->waiting);
    list_append(&worker->pending.sent, &request->waiting);
    board_count(worker->shown, COUNTER_requests, 1);
    FAULT_POINT("ask: sent");
    bell_ring(worker->brain_bell, &worker->board.header->brain.asleep);
    FAULT_POINT("ask: rung");
    return true;
}

void pending_send_held(struct worker *worker)
{
    struct pending *pending = &worker->pending;
    while (!list_is_empty(&pending->held)) {
        struct request *request =
            LIST_ENTRY(pending->held.next, struct request, waiting);
        if (!send_request(worker, request)) {
            if (list_is_empty(&pending->retry.link))
                wheel_set(&worker->wheel, &pending->retry, HELD_RETRY_MS);
            return;
        }
    }
}

/* A message that can never go: the ring takes a quarter of itself. */
static bool is_too_big(const struct worker *worker,
                       const struct request *request)
{
    size_t most = request->line.size + request->headers.size +
                  request->body.size + sizeof(struct message_request) +
                  sizeof(struct mail) + 64 + 256 + 8;
    return most > worker->mailbox.up.ring_bytes / 4;
}

void pending_offer(struct worker *worker, struct connection *connection)
{
    struct pending *pending = &worker->pending;
    struct request *request = connection->request;
    CHECK(request != NULL && list_is_empty(&request->waiting));
    if (is_too_big(worker, request)) {
        response_refuse(connection, 413, "the body is too long");
        return;
    }
    enter(pending, request);
    request->ordinal = 0;
    bool first = list_is_empty(&pending->held);
    list_append(&pending->held, &request->waiting);
    if (first)
        pending_send_held(worker);
    if (request->ordinal == 0)
        board_count(worker->shown, COUNTER_requests_held, 1);
}

void pending_move(struct worker *worker, uint64_t taken)
{
    struct pending *pending = &worker->pending;
    struct list old;
    struct list lost;
    struct list again; /* oldest first */
    list_init(&old);
    list_init(&lost);
    list_init(&again);
    list_append_all(&old, &pending->sent);
    while (!list_is_empty(&old)) {
        struct request *request = LIST_ENTRY(old.next, struct request, waiting);
        bool unseen = request->ordinal > taken;
        list_remove(&request->waiting);
        list_append(unseen ? &again : &lost, &request->waiting);
        request->ordinal = 0;
        board_count(worker->shown, COUNTER_offered_again, unseen);
    }
    /* What was sent once comes before what was still held. */
    list_append_all(&again, &pending->held);
    list_append_all(&pending->held, &again);
    pending_send_held(worker);
    while (!list_is_empty(&lost)) {
        struct request *request =
            LIST_ENTRY(lost.next, struct request, waiting);
        pending_remove(pending, request);
        board_count(worker->shown, COUNTER_outcome_unknown, 1);
        response_later(request->connection, 503, 0, "outcome unknown", 1);
    }
}
