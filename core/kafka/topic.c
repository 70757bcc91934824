/* SPDX-License-Identifier: MIT */
#include "kafka/topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/library.h"
#include "kafka/send.h"

enum { TOPIC_MAGIC = 0x43504f54, TOPIC_CREATE_MS = 5000, TOPIC_TRIES = 5 };

/* A message of topic_publish that has no report yet. */
struct sent {
    struct list link; /* in the bus's list; first: see topic_report */
    uint64_t ticket;
};

int topic_add(struct kafka_bus *bus, struct text name, uint32_t partitions,
              bool drops, bool has_channels)
{
    struct kafka *kafka = bus->kafka;
    char error[STENTOR_ERROR_BYTES];
    if (kafka->topic_count == KAFKA_TOPICS_MAX)
        return STENTOR_EFULL;
    struct kafka_topic *topic = xcalloc(1, sizeof *topic);
    topic->magic = TOPIC_MAGIC;
    topic->number = kafka->topic_count;
    topic->bus = bus;
    topic->name = xstrndup(name.bytes, name.size);
    topic->partitions_wanted = partitions;
    if (has_channels) {
        topic->sink = xcalloc(1, sizeof *topic->sink);
        int code =
            sink_init(topic->sink, topic, bus->outbox_bytes, drops, error);
        if (code != 0) {
            log_error("kafka: topic %s: %s", topic->name, error);
            free(topic->sink);
            free(topic->name);
            free(topic);
            return code;
        }
    }
    kafka->topics[kafka->topic_count++] = topic;
    topic_handle(topic);
    return (int)topic->number;
}

rd_kafka_topic_t *topic_handle(struct kafka_topic *topic)
{
    struct kafka_client *producer = topic->bus->producer;
    /* The embedded broker has no such request, and never answers it. */
    bool comes_first = topic->partitions_wanted > 0 && !topic->created &&
                       !bus_is_embedded(topic->bus);
    if (topic->handle != NULL || producer == NULL || comes_first)
        return topic->handle;
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(producer->rk);
    rd_kafka_topic_conf_set_opaque(conf, topic);
    topic->handle = rd_kafka_topic_new(producer->rk, topic->name, conf);
    return topic->handle;
}

void topic_detach(struct kafka_topic *topic)
{
    if (topic->handle != NULL)
        rd_kafka_topic_destroy(topic->handle);
    topic->handle = NULL;
    topic->creating = false;
}

/* --- with so many partitions --- */

struct creation {
    struct kafka_topic *topic;
    char *name;
    uint32_t partitions;
    rd_kafka_resp_err_t code;
    char why[STENTOR_ERROR_BYTES];
};

static void read_result(struct creation *creation, rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result =
        rd_kafka_event_CreateTopics_result(event);
    creation->code = rd_kafka_event_error(event);
    const char *why = rd_kafka_event_error_string(event);
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_CreateTopics_result_topics(result, &count)
                       : NULL;
    if (creation->code == 0 && count == 1) {
        creation->code = rd_kafka_topic_result_error(topics[0]);
        why = rd_kafka_topic_result_error_string(topics[0]);
    }
    snprintf(creation->why, sizeof creation->why, "%s",
             why != NULL ? why : rd_kafka_err2str(creation->code));
}

/* In the thread pool, with a queue of its own. */
static void create(struct kafka_client *client, void *opaque)
{
    struct creation *creation = opaque;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(creation->name, (int)creation->partitions, -1,
                              creation->why, sizeof creation->why);
    creation->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    snprintf(creation->why, sizeof creation->why, "no answer");
    rd_kafka_CreateTopics(client->rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOPIC_CREATE_MS);
    if (event != NULL) {
        read_result(creation, event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
}

static void take_result(struct kafka_topic *topic,
                        const struct creation *creation)
{
    topic->creating = false;
    switch (creation->code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        log_info("kafka: topic %s was made, with %u partitions", topic->name,
                 topic->partitions_wanted);
        topic->created = true;
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        topic->created = true;
        break;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        if (++topic->tries < TOPIC_TRIES)
            break; /* once more */
        /* fall through */
    default:
        /* Whoever may not make topics may write to those that there are. */
        log_warn("kafka: topic %s cannot be made with %u partitions: %s",
                 topic->name, topic->partitions_wanted, creation->why);
        topic->created = true;
    }
}

static void on_created(struct kafka_client *client, void *opaque)
{
    struct creation *creation = opaque;
    if (!client->closing)
        take_result(creation->topic, creation);
    free(creation->name);
    free(creation);
}

bool topic_prepare(struct kafka_topic *topic)
{
    struct kafka_bus *bus = topic->bus;
    if (topic_handle(topic) != NULL)
        return true;
    if (topic->creating || !bus_is_connected(bus))
        return false;
    struct creation *creation = xcalloc(1, sizeof *creation);
    creation->topic = topic;
    creation->name = xstrndup(topic->name, strlen(topic->name));
    creation->partitions = topic->partitions_wanted;
    topic->creating = true;
    client_run(bus->producer, create, on_created, creation);
    return false;
}

/* --- what scripts publish --- */

static int add_headers(rd_kafka_headers_t *headers, struct kafka_pairs pairs)
{
    const char *at = pairs.bytes, *end = at + pairs.size;
    int count = 0;
    for (; at < end; count++) {
        const char *value = at + strlen(at) + 1;
        size_t size = strlen(value);
        rd_kafka_header_add(headers, at, -1, value, (ssize_t)size);
        at = value + size + 1;
    }
    return count;
}

static int code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__FATAL:
        return STENTOR_EFULL;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return STENTOR_ETOOBIG;
    default:
        return STENTOR_EINVALID;
    }
}

int topic_publish(struct kafka_topic *topic, struct text value, struct text key,
                  struct kafka_pairs headers, uint64_t ticket)
{
    struct kafka_bus *bus = topic->bus;
    if (topic_handle(topic) == NULL)
        return STENTOR_EFULL; /* it is being made, or there is no producer */
    const char *key_bytes = key.size > 0 ? key.bytes : NULL; /* NULL: none */
    struct sent *sent = xmalloc(sizeof *sent);
    sent->ticket = ticket;
    rd_kafka_headers_t *list = rd_kafka_headers_new(4);
    add_headers(list, headers);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        bus->producer->rk, RD_KAFKA_V_RKT(topic->handle),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value.bytes, value.size),
        RD_KAFKA_V_KEY(key_bytes, key.size), RD_KAFKA_V_HEADERS(list),
        RD_KAFKA_V_OPAQUE(sent), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(list); /* they stay ours */
        free(sent);
        return code_of(code);
    }
    list_append(&bus->sent, &sent->link);
    return 0;
}

static void deliver(struct kafka *kafka, struct sent *sent, const char *why,
                    int32_t partition, int64_t offset)
{
    struct kafka_delivery *delivery = xcalloc(1, sizeof *delivery);
    delivery->ticket = sent->ticket;
    delivery->partition = partition;
    delivery->offset = offset;
    delivery->why = why;
    if (kafka->last_delivery != NULL)
        kafka->last_delivery->next = delivery;
    else
        kafka->first_delivery = delivery;
    kafka->last_delivery = delivery;
    list_remove(&sent->link);
    free(sent);
}

void topic_report(const rd_kafka_message_t *message)
{
    struct kafka_topic *topic = CHECK_CAST(
        struct kafka_topic, rd_kafka_topic_opaque(message->rkt), TOPIC_MAGIC);
    uintptr_t opaque = (uintptr_t)message->_private;
    if ((opaque & 1) != 0) {
        send_report(topic->sink, opaque >> 1, message);
        return;
    }
    bool failed = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failed)
        topic->failed++;
    else
        topic->acked++;
    deliver(topic->bus->kafka, message->_private,
            failed ? rd_kafka_err2str(message->err) : NULL, message->partition,
            message->offset);
}

void topic_forget_sent(struct kafka_bus *bus, const char *why)
{
    while (!list_is_empty(&bus->sent))
        deliver(bus->kafka, LIST_ENTRY(bus->sent.next, struct sent, link), why,
                -1, -1);
}
