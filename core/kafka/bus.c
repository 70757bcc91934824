/* SPDX-License-Identifier: MIT */
#include "kafka/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/topic.h"

enum {
    BUS_MAGIC = 0x5355424b,
    BUS_AGAIN_MS = 5000, /* after a producer could not be made */
    /* librdkafka before 2.10 never asks the configured brokers again: if all
       addresses that it has learned are gone, only another instance helps. */
    BUS_DOWN_MS = 300000
};

bool bus_is_embedded(const struct kafka_bus *bus)
{
    return strcmp(bus->brokers, "embedded") == 0;
}

const char *bus_brokers(const struct kafka_bus *bus)
{
    return bus_is_embedded(bus) ? bus->kafka->embedded : bus->brokers;
}

struct kafka_pairs bus_settings(const struct kafka_bus *bus)
{
    return (struct kafka_pairs){ bus->given, bus->given_bytes };
}

bool bus_is_connected(const struct kafka_bus *bus)
{
    return bus->producer != NULL && bus->producer->connected;
}

/* --- the producer --- */

static bool on_event(struct kafka_client *client, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR)
        return false;
    while (!client->closing &&
           (message = rd_kafka_event_message_next(event)) != NULL)
        topic_report(message);
    return false;
}

static void restart(struct kafka_bus *bus, const char *why);

static void on_error(struct kafka_client *client, rd_kafka_resp_err_t code,
                     const char *text, bool fatal)
{
    struct kafka_bus *bus =
        CHECK_CAST(struct kafka_bus, client->owner, BUS_MAGIC);
    (void)code;
    if (fatal && bus->producer == client)
        restart(bus, text);
}

static void on_closed(struct kafka_client *client)
{
    free(client); /* the bus has forgotten it: see bus_close */
}

static void open_producer(struct kafka_bus *bus)
{
    static const struct kafka_client_events events = { .on_event = on_event,
                                                       .on_error = on_error,
                                                       .on_closed = on_closed };
    char error[STENTOR_ERROR_BYTES];
    struct kafka *kafka = bus->kafka;
    if (bus_brokers(bus)[0] == '\0')
        return; /* the embedded one is being started */
    struct kafka_client *producer = xcalloc(1, sizeof *producer);
    int code =
        client_open(producer, kafka->loop, KAFKA_PRODUCER, bus->title,
                    bus_brokers(bus), bus_settings(bus),
                    (struct kafka_pairs){ NULL, 0 }, &events, bus, error);
    if (code != 0) {
        log_error("%s: %s", bus->title, error);
        free(producer);
        bus->open_at = uv_now(kafka->loop) + BUS_AGAIN_MS;
        return;
    }
    snprintf(bus->address, sizeof bus->address, "%s", kafka->embedded);
    bus->down_at = uv_now(kafka->loop);
    bus->producer = producer;
    for (uint32_t i = 0; i < kafka->topic_count; i++)
        if (kafka->topics[i]->bus == bus)
            topic_handle(kafka->topics[i]);
}

void bus_close(struct kafka_bus *bus, const char *why)
{
    struct kafka *kafka = bus->kafka;
    struct kafka_client *producer = bus->producer;
    bus->producer = NULL;
    bus->open_at = 0;
    for (uint32_t i = 0; i < kafka->topic_count; i++) {
        struct kafka_topic *topic = kafka->topics[i];
        if (topic->bus != bus)
            continue;
        topic_detach(topic);
        if (topic->sink != NULL)
            sink_restart(topic->sink, true);
    }
    topic_forget_sent(bus, why);
    if (producer != NULL)
        client_close(producer);
}

/* Begins anew with another producer. */
static void restart(struct kafka_bus *bus, const char *why)
{
    log_warn("%s: begins anew (%s)", bus->title, why);
    bus->restarts++;
    bus_close(bus, "the producer began anew; Kafka may have it");
}

void bus_beat(struct kafka_bus *bus)
{
    uint64_t now = uv_now(bus->kafka->loop);
    if (bus->producer == NULL) {
        if (now >= bus->open_at)
            open_producer(bus);
        return;
    }
    if (bus->producer->connected)
        bus->down_at = 0;
    else if (bus->down_at == 0)
        bus->down_at = now;
    if (bus->down_at > 0 && now - bus->down_at > BUS_DOWN_MS)
        restart(bus, "no broker has answered for five minutes");
    else if (bus_is_embedded(bus) && bus->kafka->embedded[0] != '\0' &&
             strcmp(bus->address, bus->kafka->embedded) != 0)
        restart(bus, "the embedded broker has another address");
}

int bus_add(struct kafka *kafka, struct text name, struct text brokers,
            struct kafka_pairs given, uint64_t outbox_bytes)
{
    CHECK(name.size > 0 && name.size < BUS_NAME_BYTES);
    if (kafka->bus_count == KAFKA_BUSES_MAX)
        return STENTOR_EFULL;
    struct kafka_bus *bus = xcalloc(1, sizeof *bus);
    bus->magic = BUS_MAGIC;
    bus->number = kafka->bus_count;
    bus->kafka = kafka;
    memcpy(bus->name, name.bytes, name.size);
    bus->brokers = xstrndup(brokers.bytes, brokers.size);
    bus->given = xmalloc(given.size + 1);
    if (given.size > 0)
        memcpy(bus->given, given.bytes, given.size);
    bus->given_bytes = given.size;
    bus->outbox_bytes = outbox_bytes;
    list_init(&bus->sent);
    snprintf(bus->title, sizeof bus->title, "%s producer", bus->name);
    kafka->buses[kafka->bus_count++] = bus;
    open_producer(bus);
    return (int)bus->number;
}
