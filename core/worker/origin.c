/* SPDX-License-Identifier: MIT */
#include "worker/origin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/memory.h"
#include "worker/connection.h"
#include "worker/forwarded.h"
#include "worker/process.h"
#include "worker/request.h"
#include "worker/response.h"

enum {
    ORIGINS_ROOM_MIN = 64,
    RETRY_MS = 10000,
    RETRY_MS_MIN = 1000,
    UNANSWERED_MIN = 16 /* beyond the limit, before they are not answered */
};

/* --- clients behind proxies ---------------------------------------------- */

void origins_init(struct origins *origins)
{
    *origins = (struct origins){ .count = 1 };
}

void origins_done(struct origins *origins)
{
    free(origins->all);
    origins_init(origins);
}

static uint32_t keep(struct origins *origins, const struct address *address)
{
    uint32_t place = origins->free;
    if (place != 0) {
        memcpy(&origins->free, &origins->all[place], sizeof origins->free);
    } else {
        place = origins->count++;
        if (place >= origins->room) {
            origins->room =
                place < ORIGINS_ROOM_MIN ? ORIGINS_ROOM_MIN : place * 2;
            origins->all = xrealloc(origins->all, (size_t)origins->room *
                                                      sizeof *origins->all);
        }
    }
    origins->all[place] = *address;
    return place;
}

static void drop(struct origins *origins, uint32_t place)
{
    CHECK(place < origins->count);
    if (place == 0)
        return;
    memcpy(&origins->all[place], &origins->free, sizeof origins->free);
    origins->free = place;
}

const struct address *origin_behind(const struct connection *connection)
{
    if (connection->behind == 0)
        return NULL;
    const struct origins *origins = &connection_worker(connection)->origins;
    CHECK(connection->behind < origins->count);
    return &origins->all[connection->behind];
}

/* --- trust --------------------------------------------------------------- */

static bool is_trusted(const struct address *hop, const void *of)
{
    const struct connection *connection = of;
    const struct stentor_plan *plan = &connection_worker(connection)->plan;
    for (uint32_t i = 0; i < plan->network_count; i++) {
        const struct stentor_network *trusted = &plan->networks[i];
        struct network network = { .bits = trusted->bits };
        memcpy(&network.of, trusted->address, sizeof network.of);
        if (trusted->listeners >> connection->listener & 1 &&
            network_has(&network, hop))
            return true;
    }
    return false;
}

/* --- counting ------------------------------------------------------------ */

static struct crowd_member *crowd_of(const struct worker *worker)
{
    return board_crowd(&worker->board, worker->number);
}

static void leave(struct connection *connection)
{
    crowd_leave(crowd_of(connection_worker(connection)), connection->place);
    connection->place = CROWD_NOWHERE;
    connection->crowded = false;
}

/* One more of this address, though it may be one too many; returns how many
   there were. */
static uint32_t enter(struct connection *connection, uint64_t key)
{
    struct worker *worker = connection_worker(connection);
    const struct stentor_limits *limits = &worker->plan.limits;
    /* Nobody can have so many: then none are counted, which costs memory. */
    if (limits->address_connections >= limits->connections)
        return 0;
    uint32_t before = board_address_connections(&worker->board, key);
    connection->place =
        crowd_enter(crowd_of(worker), worker->board.header->crowd, key);
    if (connection->place == CROWD_NOWHERE)
        board_count(worker->shown, COUNTER_addresses_untracked, 1);
    connection->crowded = before >= limits->address_connections;
    return before;
}

bool origin_arrive(struct connection *connection, const struct sockaddr *peer,
                   uint32_t listener)
{
    struct worker *worker = connection_worker(connection);
    struct address address;
    connection->listener = (uint8_t)listener;
    if (!address_of_socket(peer, &address))
        return true;
    connection->proxied = is_trusted(&address, connection);
    if (connection->proxied)
        return true;
    uint64_t key = crowd_key(&address, worker->board.header->seed);
    uint32_t before = enter(connection, key);
    uint32_t most = worker->plan.limits.address_connections;
    uint32_t more = most / 4 > UNANSWERED_MIN ? most / 4 : UNANSWERED_MIN;
    if (before < most || before - most < more)
        return true;
    board_count(worker->shown, COUNTER_refused_address, 1);
    return false;
}

/* --- requests ------------------------------------------------------------ */

static void refuse(struct connection *connection, enum board_counter counter,
                   uint64_t delay_ms, const char *why)
{
    board_count(connection_worker(connection)->shown, counter, 1);
    connection->request->keep_alive = false;
    if (delay_ms < RETRY_MS_MIN)
        delay_ms = RETRY_MS_MIN;
    response_later(connection, 429,
                   delay_ms < UINT32_MAX ? (uint32_t)delay_ms : UINT32_MAX, why,
                   0);
}

/* The address of its connection; false, and none, if that cannot be told. */
static bool peer_of(const struct connection *connection,
                    struct address *address)
{
    struct sockaddr_storage peer;
    int size = sizeof peer;
    memset(address, 0, sizeof *address);
    return uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer,
                              &size) == 0 &&
           address_of_socket((struct sockaddr *)&peer, address);
}

/* Whose request a proxy has brought; false if it was refused. */
static bool find_client(struct connection *connection, struct address *client)
{
    struct worker *worker = connection_worker(connection);
    const struct request *request = connection->request;
    enum forwarded_result result =
        forwarded_client(text_of(request->headers.bytes, request->headers.size),
                         is_trusted, connection, client);
    origin_rest(connection);
    if (result == FORWARDED_CONFLICT) {
        response_refuse(connection, 400,
                        "Forwarded and X-Forwarded-For disagree");
        return false;
    }
    if (result == FORWARDED_NOBODY) {
        peer_of(connection, client);
        return true;
    }
    connection->behind = keep(&worker->origins, client);
    if (!is_trusted(client, connection))
        enter(connection, crowd_key(client, worker->board.header->seed));
    return true;
}

static bool may_ask(struct connection *connection, const struct address *from)
{
    struct worker *worker = connection_worker(connection);
    const struct stentor_limits *limits = &worker->plan.limits;
    uint64_t key = crowd_key(from, worker->board.header->seed);
    bool forgot = false;
    uint64_t wait_ns =
        crowd_ask(board_meters(&worker->board), worker->board.header->crowd,
                  key, uv_hrtime(), limits->address_interval_ns,
                  limits->address_burst_ns, &forgot);
    board_count(worker->shown, COUNTER_addresses_forgotten, forgot);
    if (wait_ns == 0)
        return true;
    refuse(connection, COUNTER_refused_rate, wait_ns / 1000000 + 1,
           "too many requests");
    return false;
}

bool origin_admit(struct connection *connection)
{
    struct address *from = &connection->request->from;
    if (connection->proxied) {
        if (!find_client(connection, from))
            return false;
    } else if (!peer_of(connection, from)) {
        return true; /* it has gone, or has no address */
    }
    if (connection->crowded) {
        refuse(connection, COUNTER_refused_address, RETRY_MS,
               "too many connections from this address");
        return false;
    }
    if (connection->proxied && is_trusted(from, connection))
        return true;
    return may_ask(connection, from);
}

void origin_rest(struct connection *connection)
{
    if (!connection->proxied)
        return;
    leave(connection);
    drop(&connection_worker(connection)->origins, connection->behind);
    connection->behind = 0;
}

void origin_leave(struct connection *connection)
{
    origin_rest(connection);
    leave(connection);
}

void origin_adopt(struct connection *connection, const struct address *behind)
{
    struct worker *worker = connection_worker(connection);
    struct address address;
    connection->proxied = behind != NULL;
    if (behind != NULL) {
        address = *behind;
        connection->behind = keep(&worker->origins, behind);
    } else if (!peer_of(connection, &address)) {
        return;
    }
    enter(connection, crowd_key(&address, worker->board.header->seed));
    connection->crowded = false;
}
