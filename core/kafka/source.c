/* SPDX-License-Identifier: MIT */
/*
 * A tick now and then looks for partitions that were added, commits, and tries
 * again what has failed.
 */
#include "kafka/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/source_own.h"

enum {
    SOURCE_TICK_MS = 500,
    SOURCE_CLOSE_TICKS = 4,   /* that a last commit is waited for */
    SOURCE_LONELY_TICKS = 240 /* without a broker: another client may find one,
                                 as this one keeps to the addresses it knows */
};

static struct source *cast(void *pointer)
{
    return CHECK_CAST(struct source, pointer, SOURCE_MAGIC);
}

/* --- what the client says --- */

static void take_partition_error(struct source *source, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *one = rd_kafka_event_topic_partition(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        source_look_up(source, one->partition);
    else if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF &&
             code != RD_KAFKA_RESP_ERR__TRANSPORT &&
             /* A survey finds that out, and says it once. */
             code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
             code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
             code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        log_warn("%s: partition %d: %s", source->name, one->partition,
                 rd_kafka_event_error_string(event));
    rd_kafka_topic_partition_destroy(one);
}

static bool on_event(struct kafka_client *client, rd_kafka_event_t *event)
{
    struct source *source = cast(client->owner);
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        source_take_rebalance(source, event);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        source_take_commit(source, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        take_partition_error(source, event);
        break;
    default:
        break;
    }
    return false;
}

static void on_tick_closed(uv_handle_t *tick);

/* From here on the client sees to its own end; that may take its time. */
static void end_client(struct source *source)
{
    source_take(source); /* its threads wait for what we hold */
    source->survey = NULL;
    source->nudging = false;
    source->client->owner = NULL;
    client_close(source->client);
    source->client = NULL;
}

static void end(struct source *source)
{
    if (source->client != NULL)
        end_client(source);
    if (!uv_is_closing((uv_handle_t *)&source->tick))
        uv_close((uv_handle_t *)&source->tick, on_tick_closed);
}

/* Closing: the answers, and the group's last word, come with the records. */
static void see_it_out(struct source *source)
{
    rd_kafka_event_t *event;
    while ((event = client_next(source->client)) != NULL)
        rd_kafka_event_destroy(event);
    if (source->leaving && rd_kafka_consumer_closed(source->client->rk))
        end(source);
}

static void on_readable(struct kafka_client *client)
{
    struct source *source = cast(client->owner);
    if (source->closing) {
        see_it_out(source);
        return;
    }
    if (source->held)
        source_empty_queue(source);
    source->events->on_readable(source);
}

/* For a group: fenced by another member of our name, say. */
static void on_error(struct kafka_client *client, rd_kafka_resp_err_t code,
                     const char *text, bool fatal)
{
    struct source *source = cast(client->owner);
    (void)code;
    (void)text;
    source->reopening = source->reopening || fatal;
}

/* --- its life --- */

static void on_tick(uv_timer_t *tick);
static void on_client_closed(struct kafka_client *client);

static void on_connected(struct kafka_client *client)
{
    struct source *source = cast(client->owner);
    if (!source->closing)
        source_look_again(source);
}

static const struct kafka_client_events client_events = {
    .on_event = on_event,
    .on_error = on_error,
    .on_readable = on_readable,
    .on_connected = on_connected,
    .on_closed = on_client_closed,
};

static void add_own(struct buffer *own, const char *name, const char *value)
{
    buffer_add(own, name, strlen(name) + 1);
    buffer_add(own, value, strlen(value) + 1);
}

static int open_client(struct source *source, char *error)
{
    const struct source_settings *settings = &source->settings;
    struct kafka_pairs own = { source->own.bytes, source->own.size };
    source->client = xcalloc(1, sizeof *source->client);
    int code = client_open(source->client, source->loop, KAFKA_CONSUMER,
                           source->name, settings->brokers, settings->given,
                           own, &client_events, source, error);
    if (code != 0) {
        free(source->client);
        source->client = NULL;
    }
    if (code != 0 || settings->group == NULL)
        return code;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, settings->topic,
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(source->client->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return 0;
}

static char *copy(const char *text)
{
    return text != NULL ? xstrndup(text, strlen(text)) : NULL;
}

static void copy_settings(struct source *source,
                          const struct source_settings *given)
{
    struct source_settings *settings = &source->settings;
    char *pairs = xmalloc(given->given.size + 1);
    if (given->given.size > 0)
        memcpy(pairs, given->given.bytes, given->given.size);
    *settings = *given;
    settings->given.bytes = pairs;
    settings->topic = copy(given->topic);
    settings->brokers = copy(given->brokers);
    settings->group = copy(given->group);
    settings->instance = copy(given->instance);
    snprintf(source->name, sizeof source->name, "topic \"%s\"",
             settings->topic);
    buffer_init(&source->own);
    /* The client wants one even where no group is used. */
    add_own(&source->own, "group.id",
            settings->group != NULL ? settings->group : "stentor");
    if (settings->fetch_wait_ms > 0) {
        char wait[16];
        snprintf(wait, sizeof wait, "%" PRIu32, settings->fetch_wait_ms);
        add_own(&source->own, "fetch.wait.max.ms", wait);
    }
    if (settings->group != NULL && settings->instance != NULL)
        add_own(&source->own, "group.instance.id", settings->instance);
}

struct source *source_open(uv_loop_t *loop, struct places *places,
                           struct places_row *row,
                           const struct source_settings *settings,
                           const struct source_events *events, void *owner,
                           char *error)
{
    struct source *source = xcalloc(1, sizeof *source);
    source->magic = SOURCE_MAGIC;
    source->loop = loop;
    source->places = places;
    source->generation = ++places->generations;
    source->row = row;
    source->events = events;
    source->owner = owner;
    copy_settings(source, settings);
    if (open_client(source, error) != 0) {
        source_free(source);
        return NULL;
    }
    uv_timer_init(loop, &source->tick);
    source->tick.data = source;
    uv_timer_start(&source->tick, on_tick, SOURCE_TICK_MS, SOURCE_TICK_MS);
    return source;
}

void source_free(struct source *source)
{
    struct source_settings *settings = &source->settings;
    free((void *)(uintptr_t)settings->given.bytes);
    free((void *)(uintptr_t)settings->topic);
    free((void *)(uintptr_t)settings->brokers);
    free((void *)(uintptr_t)settings->group);
    free((void *)(uintptr_t)settings->instance);
    buffer_done(&source->own);
    free(source->partitions);
    source->magic = 0;
    free(source);
}

/* --- its end, and that of a client that is replaced --- */

static void on_client_closed(struct kafka_client *client)
{
    free(client);
}

static void on_tick_closed(uv_handle_t *tick)
{
    struct source *source = cast(tick->data);
    source->events->on_closed(source);
}

void source_close(struct source *source)
{
    if (source->closing)
        return;
    source->closing = true;
    source->ticks = 0;
    if (source->client == NULL)
        end(source);
    else if (!source_commit(source))
        source_leave(source); /* else when the answer has come */
}

static void reopen(struct source *source)
{
    char error[STENTOR_ERROR_BYTES];
    if (source->client != NULL)
        end_client(source);
    if (open_client(source, error) != 0) {
        log_error("%s: %s", source->name, error); /* the tick tries again */
        return;
    }
    source->reopening = false;
    source->lonely = 0;
    source->counters.restarts++;
    log_info("%s: goes on with a new client", source->name);
}

static void tick(struct source *source)
{
    source->ticks++;
    if (source->closing) {
        if (source->ticks >= SOURCE_CLOSE_TICKS)
            end(source);
        return;
    }
    bool connected = source_is_connected(source);
    source->lonely = connected ? 0 : source->lonely + 1;
    if (source->client == NULL || source->reopening ||
        source->lonely >= SOURCE_LONELY_TICKS) {
        reopen(source);
        return;
    }
    source_commit(source);
    source_look_again(source);
    source_hold_if_unpulled(source);
}

static void on_tick(uv_timer_t *timer)
{
    tick(cast(timer->data));
}

/* --- what others ask --- */

void source_moved(struct source *source, const char *brokers)
{
    free((void *)(uintptr_t)source->settings.brokers);
    source->settings.brokers = copy(brokers);
    if (source->client != NULL)
        rd_kafka_brokers_add(source->client->rk, brokers);
}

void *source_owner(const struct source *source)
{
    return source->owner;
}

bool source_is_connected(const struct source *source)
{
    return source->client != NULL && source->client->connected;
}

struct places_row *source_row(const struct source *source)
{
    return source->row;
}

uint64_t source_generation(const struct source *source)
{
    return source->generation;
}

const struct source_counters *source_counters(const struct source *source)
{
    return &source->counters;
}
