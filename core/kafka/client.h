/* SPDX-License-Identifier: MIT */
/*
 * One rd_kafka_t on a uv loop: its queues wake the loop, what has gathered is
 * handed out in bounded turns, and nothing of it ever blocks the loop. Logs,
 * errors and statistics are dealt with here; the rest goes to the owner.
 */
#ifndef STENTOR_KAFKA_CLIENT_H
#define STENTOR_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "kafka/settings.h"
#include "kafka/statistics.h"

struct kafka_client;

/* What the owner is told, on the loop. Each may be NULL but on_closed. None of
   them may free the client; all may close it. */
struct kafka_client_events {
    /* A delivery report, fetched message, rebalance, the result of a request of
       the owner's, or an ERROR of one partition, its end (_PARTITION_EOF)
       included. True if the owner keeps the event, and destroys it
       before it closes the client; else it is destroyed after the call. */
    bool (*on_event)(struct kafka_client *client, rd_kafka_event_t *event);
    /* An error that is about no single message. `fatal`: this client will
       never work again, and its owner has to open another. */
    void (*on_error)(struct kafka_client *client, rd_kafka_resp_err_t code,
                     const char *text, bool fatal);
    /* Consumers: there may be something for client_next. With this one, fetched
       messages are left in librdkafka until they are asked for, and it stops
       fetching when it has enough; without it they go to on_event. */
    void (*on_readable)(struct kafka_client *client);
    /* `connected` has become true. */
    void (*on_connected)(struct kafka_client *client);
    /* Its threads are gone; the client may be freed. */
    void (*on_closed)(struct kafka_client *client);
};

struct kafka_client {
    uint32_t magic;
    const char *name; /* in the log: "kafka producer" */
    void *owner;
    const struct kafka_client_events *events;
    rd_kafka_t *rk;
    rd_kafka_queue_t *main_queue;
    rd_kafka_queue_t *fetch_queue; /* consumers only, else NULL */
    uv_loop_t *loop;
    uv_async_t wake;       /* the queues' own threads send it */
    uv_timer_t look;       /* looks into the queues whatever has woken us */
    uv_thread_t destroyer; /* the thread that ends it, when it is closing */
    bool destroyed;        /* by that thread; atomic */
    bool closing;
    bool connected; /* to a broker that answers */
    uint32_t jobs;  /* of client_run, under way */
    uint32_t handles_open;
    struct statistics statistics; /* the last ones */
};

/*
 * Connects, in the background. `owner` and `events` are the caller's and outlive
 * the client, and `name` until client_close. 0, or a negative code and a
 * sentence in `error`; then there is nothing to close.
 */
int client_open(struct kafka_client *client, uv_loop_t *loop,
                enum kafka_role role, const char *name, const char *brokers,
                struct kafka_pairs given, struct kafka_pairs own,
                const struct kafka_client_events *events, void *owner,
                char *error);

/*
 * Ends it: no more events but on_closed, which comes once all jobs have ended
 * and librdkafka's threads are gone. Messages that are not delivered by then
 * are lost. The owner must have destroyed its topic handles, kept events and
 * partition lists. May be called again.
 */
void client_close(struct kafka_client *client);

/* Consumers whose owner has on_readable: the next fetched message, to be
   destroyed by the caller, or NULL when there is none now. Whatever else is met
   on the way is dealt with as above. */
rd_kafka_event_t *client_next(struct kafka_client *client);

/*
 * A call that blocks, in the thread pool: `work` runs there and may use
 * `client->rk`, but nothing else of the client; then `done` runs on the loop,
 * also when the client was closed meanwhile (look at `closing`). `work` must
 * come to an end by itself, so it needs a timeout.
 */
void client_run(struct kafka_client *client,
                void (*work)(struct kafka_client *client, void *opaque),
                void (*done)(struct kafka_client *client, void *opaque),
                void *opaque);

#endif
