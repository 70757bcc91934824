/* SPDX-License-Identifier: MIT */
/*
 * A queue calls back only when it was empty and is no more, from a thread of
 * librdkafka's that holds the queue's lock: all that may be done there is
 * uv_async_send. So a turn that leaves something in a queue has to wake itself
 * again, or nobody ever would. The timer is for all else: a consumer has to be
 * asked now and then whether it has something, or its group puts it out.
 */
#include "kafka/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"

enum {
    CLIENT_MAGIC = 0x41464b52,
    CLIENT_LOOK_MS = 250,
    /* For one turn: the loop has others to serve. */
    CLIENT_TURN_EVENTS = 1000,
    CLIENT_TURN_NS = 2000000,
    /* A broker that owes us an answer for so long hangs: together with the
       periods in settings.c less than two seconds. Long polls of consumers are
       answered after fetch.wait.max.ms, half a second. */
    CLIENT_SILENCE_MS = 1000
};

static struct kafka_client *cast(void *pointer)
{
    return CHECK_CAST(struct kafka_client, pointer, CLIENT_MAGIC);
}

static void set_connected(struct kafka_client *client, bool connected,
                          const char *why)
{
    if (client->connected == connected)
        return;
    client->connected = connected;
    if (!connected) {
        log_warn("%s: no broker answers (%s)", client->name, why);
        return;
    }
    log_info("%s: connected", client->name);
    if (client->events->on_connected != NULL)
        client->events->on_connected(client);
}

/* --- what librdkafka says --- */

/* Settings of the other role are in the config rightly: it has one table for
   producers and consumers. */
static bool is_of_other_role(const char *text)
{
    return strstr(text, "property and will be ignored by this") != NULL;
}

static void take_log(struct kafka_client *client, rd_kafka_event_t *event)
{
    const char *facility, *text;
    int level;
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0 ||
        is_of_other_role(text))
        return;
    const char *place = strstr(text, "]: ");
    if (text[0] == '[' && place != NULL)
        text = place + 3; /* without "[thrd:name]: " */
    if (level <= 3)       /* as of syslog */
        log_error("%s: %s", client->name, text);
    else if (level == 4)
        log_warn("%s: %s", client->name, text);
    else if (level < 7)
        log_info("%s: %s", client->name, text);
    else
        log_debug("%s: %s", client->name, text);
}

/* librdkafka has a line of its own in the log for these. */
static bool is_of_connection(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__RESOLVE ||
           code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

static void take_error(struct kafka_client *client, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    bool fatal = rd_kafka_event_error_is_fatal(event) != 0;
    char why[STENTOR_ERROR_BYTES];
    if (fatal) {
        code = rd_kafka_fatal_error(client->rk, why, sizeof why);
        text = why; /* librdkafka has logged it */
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        set_connected(client, false, text);
    } else if (!is_of_connection(code)) {
        log_warn("%s: %s", client->name, text);
    }
    if (client->events->on_error != NULL)
        client->events->on_error(client, code, text, fatal);
}

static void take_statistics(struct kafka_client *client,
                            rd_kafka_event_t *event)
{
    struct statistics *statistics = &client->statistics;
    if (!statistics_read(text_of_string(rd_kafka_event_stats(event)),
                         CLIENT_SILENCE_MS, statistics))
        return;
    set_connected(client, statistics->brokers_up > 0,
                  statistics->brokers_silent > 0 ? "connected, but silent"
                                                 : "not connected");
}

/* Those of one partition come with it, on a consumer's queue. */
static bool is_of_partition(rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *one = rd_kafka_event_topic_partition(event);
    if (one != NULL)
        rd_kafka_topic_partition_destroy(one);
    return one != NULL;
}

static void take(struct kafka_client *client, rd_kafka_event_t *event)
{
    bool kept = false;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_LOG:
        take_log(client, event);
        break;
    case RD_KAFKA_EVENT_STATS:
        take_statistics(client, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        if (!is_of_partition(event)) {
            take_error(client, event);
            break;
        }
        /* fall through */
    default:
        if (client->events->on_event != NULL)
            kept = client->events->on_event(client, event);
    }
    if (!kept)
        rd_kafka_event_destroy(event);
}

/* --- the turns --- */

/* False when something may be left. */
static bool drain(struct kafka_client *client, rd_kafka_queue_t *queue)
{
    uint64_t end = uv_hrtime() + CLIENT_TURN_NS;
    for (int i = 0; i < CLIENT_TURN_EVENTS; i++) {
        if (client->closing)
            return true;
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 0);
        if (event == NULL)
            return true;
        take(client, event);
        if (i % 16 == 15 && uv_hrtime() > end)
            return false;
    }
    return false;
}

static void turn(struct kafka_client *client)
{
    bool pulls = client->events->on_readable != NULL;
    bool done = drain(client, client->main_queue);
    if (client->fetch_queue != NULL && !pulls && !client->closing)
        done = drain(client, client->fetch_queue) && done;
    if (!done && !client->closing)
        uv_async_send(&client->wake);
    if (pulls && !client->closing)
        client->events->on_readable(client);
}

rd_kafka_event_t *client_next(struct kafka_client *client)
{
    while (!client->closing) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(client->fetch_queue, 0);
        if (event == NULL || rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
            return event;
        take(client, event);
    }
    return NULL;
}

static void close_handles(struct kafka_client *client);

static void on_wake(uv_async_t *wake)
{
    struct kafka_client *client = cast(wake->data);
    if (__atomic_load_n(&client->destroyed, __ATOMIC_ACQUIRE))
        close_handles(client);
    else if (!client->closing)
        turn(client);
}

static void on_look(uv_timer_t *look)
{
    turn(cast(look->data));
}

/* In a foreign thread, under the queue's lock. */
static void on_queue(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    uv_async_send(opaque);
}

/* --- its beginning --- */

static void open_queues(struct kafka_client *client, enum kafka_role role)
{
    rd_kafka_t *rk = client->rk;
    client->main_queue = rd_kafka_queue_get_main(rk);
    rd_kafka_set_log_queue(rk, client->main_queue);
    rd_kafka_queue_cb_event_enable(client->main_queue, on_queue, &client->wake);
    if (role != KAFKA_CONSUMER)
        return;
    client->fetch_queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_queue_cb_event_enable(client->fetch_queue, on_queue,
                                   &client->wake);
}

int client_open(struct kafka_client *client, uv_loop_t *loop,
                enum kafka_role role, const char *name, const char *brokers,
                struct kafka_pairs given, struct kafka_pairs own,
                const struct kafka_client_events *events, void *owner,
                char *error)
{
    *client = (struct kafka_client){ .magic = CLIENT_MAGIC,
                                     .name = name,
                                     .owner = owner,
                                     .events = events,
                                     .loop = loop };
    rd_kafka_conf_t *conf = settings_new(role, brokers, given, own, error);
    if (conf == NULL)
        return STENTOR_EINVALID;
    rd_kafka_conf_set_events(
        conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_LOG |
                  RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS |
                  RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
    client->rk = rd_kafka_new(role == KAFKA_PRODUCER ? RD_KAFKA_PRODUCER
                                                     : RD_KAFKA_CONSUMER,
                              conf, error, STENTOR_ERROR_BYTES);
    if (client->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return STENTOR_EINVALID;
    }
    uv_async_init(loop, &client->wake, on_wake);
    uv_timer_init(loop, &client->look);
    client->handles_open = 2;
    client->wake.data = client->look.data = client;
    uv_timer_start(&client->look, on_look, CLIENT_LOOK_MS, CLIENT_LOOK_MS);
    open_queues(client, role);
    return 0;
}

/* --- its end --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct kafka_client *client = cast(handle->data);
    if (--client->handles_open > 0)
        return;
    client->magic = 0;
    client->events->on_closed(client);
}

/*
 * In a thread of its own, and not of the pool: librdkafka before 2.6.1 waits for
 * ever here if it has consumed a partition that has vanished since, and whoever
 * ends the pool would wait for that. Group members that should leave at once
 * have done so before: closing would wait for answers of the broker's.
 */
static void destroy(void *opaque)
{
    struct kafka_client *client = opaque;
    rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    __atomic_store_n(&client->destroyed, true, __ATOMIC_RELEASE);
    uv_async_send(&client->wake);
}

static void close_handles(struct kafka_client *client)
{
    /* It is at its end, but may still be about to send to `wake`. */
    uv_thread_join(&client->destroyer);
    client->rk = NULL;
    uv_close((uv_handle_t *)&client->wake, on_handle_closed);
    uv_close((uv_handle_t *)&client->look, on_handle_closed);
}

static void close_queue(rd_kafka_queue_t **queue)
{
    if (*queue == NULL)
        return;
    /* Once this has returned, no call of on_queue is under way. */
    rd_kafka_queue_cb_event_enable(*queue, NULL, NULL);
    rd_kafka_queue_destroy(*queue);
    *queue = NULL;
}

static void end(struct kafka_client *client)
{
    close_queue(&client->fetch_queue);
    close_queue(&client->main_queue);
    CHECK(uv_thread_create(&client->destroyer, destroy, client) == 0);
}

/* Not at once: it may be called from within a turn, or from on_event. */
static void on_end(uv_timer_t *timer)
{
    struct kafka_client *client = cast(timer->data);
    if (client->jobs == 0)
        end(client);
}

void client_close(struct kafka_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    client->connected = false;
    uv_timer_start(&client->look, on_end, 0, 0);
}

/* --- what blocks --- */

struct client_job {
    uv_work_t work;
    struct kafka_client *client;
    void (*run)(struct kafka_client *client, void *opaque);
    void (*done)(struct kafka_client *client, void *opaque);
    void *opaque;
};

static void run_job(uv_work_t *work)
{
    struct client_job *job = work->data;
    job->run(job->client, job->opaque);
}

static void on_job_done(uv_work_t *work, int status)
{
    struct client_job *job = work->data;
    struct kafka_client *client = job->client;
    (void)status;
    /* Still counted, so that `done` may close the client. */
    job->done(client, job->opaque);
    free(job);
    client->jobs--;
    if (client->closing && client->jobs == 0)
        uv_timer_start(&client->look, on_end, 0, 0);
}

void client_run(struct kafka_client *client,
                void (*work)(struct kafka_client *client, void *opaque),
                void (*done)(struct kafka_client *client, void *opaque),
                void *opaque)
{
    struct client_job *job = xcalloc(1, sizeof *job);
    CHECK(!client->closing);
    job->work.data = job;
    job->client = client;
    job->run = work;
    job->done = done;
    job->opaque = opaque;
    client->jobs++;
    uv_queue_work(client->loop, &job->work, run_job, on_job_done);
}
